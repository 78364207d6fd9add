package tidegate

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Facts are what the gateway says about an answer.
type Facts struct {
	// RequestID is the id under which the call was logged.
	RequestID string
	// Target is the provider/model that answered.
	Target string
	// Key is the name of the provider key used, never its value.
	Key string
	// Cache is what the cache did: "hit-exact; age=SECONDS", "miss" or "off".
	Cache string
	// Rule is the name of the rule that applied.
	Rule string
	// Cost is in dollars, as a decimal.
	Cost string
	// Estimated tells that the gateway counted the tokens itself.
	Estimated bool
	// Attempts counts every try; a cached answer has 0.
	Attempts int
	// Dropped names request members that the target's dialect could not carry.
	Dropped []string
	// Overhead is the time the gateway itself took.
	Overhead time.Duration
}

type factsKey struct{}

// WithFacts gives a context under which calls leave their facts in facts: at the end of the
// answer, also of a stream. Use one Facts per call.
func WithFacts(ctx context.Context, facts *Facts) context.Context {
	return context.WithValue(ctx, factsKey{}, facts)
}

func fillFacts(ctx context.Context, header, trailer http.Header) {
	if facts, ok := ctx.Value(factsKey{}).(*Facts); ok && facts != nil {
		*facts = factsOf(header, trailer)
	}
}

// factsOf reads the facts from headers; what is known at the end counts more.
func factsOf(header, trailer http.Header) Facts {
	get := func(name string) string {
		if value := trailer.Get(name); value != "" {
			return value
		}
		return header.Get(name)
	}
	facts := Facts{
		RequestID: get("x-tidegate-request-id"),
		Target:    get("x-tidegate-target"),
		Key:       get("x-tidegate-key"),
		Cache:     get("x-tidegate-cache"),
		Rule:      get("x-tidegate-rule"),
		Cost:      get("x-tidegate-cost"),
		Estimated: get("x-tidegate-usage") == "estimated",
	}
	facts.Attempts, _ = strconv.Atoi(get("x-tidegate-attempts"))
	if micros, err := strconv.ParseInt(get("x-tidegate-overhead-us"), 10, 64); err == nil {
		facts.Overhead = time.Duration(micros) * time.Microsecond
	}
	for name := range strings.SplitSeq(get("x-tidegate-dropped"), ",") {
		if name = strings.TrimSpace(name); name != "" {
			facts.Dropped = append(facts.Dropped, name)
		}
	}
	return facts
}
