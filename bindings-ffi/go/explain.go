package tidegate

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

// ExplainRequest is a request that is explained instead of sent.
type ExplainRequest struct {
	// Method is the HTTP method; empty: POST.
	Method string
	// Path is the path it would be sent to, or a vendor's URL; empty: /v1/chat/completions.
	Path string
	// Header holds its headers, for instance x-tidegate-tags.
	Header http.Header
	// Body is its body: a value that is written as JSON, or JSON in a []byte or json.RawMessage.
	Body any
}

// Explanation says what would become of a request, and why.
type Explanation struct {
	Outcome struct {
		// Does is "ask", "cached", "local" or "refuse".
		Does string `json:"does"`
		// Target would be asked first; where chance decides, it is the likeliest.
		Target string `json:"target"`
		// Anyway: it is not well, and asked because nothing else is left.
		Anyway bool `json:"anyway"`
		// ByChance: chance decides which target is first.
		ByChance bool `json:"by_chance"`
		// Reserves is what is held back for the first try at most, in dollars.
		Reserves string `json:"reserves"`
	} `json:"outcome"`
	// Identity is the id of the caller's key, or of the nearest level it is called for; empty for root.
	Identity string `json:"identity"`
	// Chain holds the levels that the call must fit into, outermost first.
	Chain []ExplainedLevel `json:"chain"`
	// Targets are the route's, in the order they would be asked.
	Targets []ExplainedTarget `json:"targets"`
	// Fallbacks follow when all of them have failed.
	Fallbacks []ExplainedTarget `json:"fallbacks"`
	// Raw is the whole explanation.
	Raw json.RawMessage `json:"-"`
}

// ExplainedLevel is a level of the hierarchy above a call.
type ExplainedLevel struct {
	// Level is "customer", "team", "user", "key" or "end_user".
	Level string `json:"level"`
	// ID is its id.
	ID string `json:"id"`
	// Active: it is neither disabled nor expired.
	Active bool `json:"active"`
	// BudgetUsed is the percentage used of the fullest of its budgets.
	BudgetUsed float64 `json:"budget_used"`
	// LimitUsed is the percentage used of the fullest of its limits.
	LimitUsed float64 `json:"limit_used"`
}

// ExplainedTarget is a target of an explanation; all of it is in Explanation.Raw.
type ExplainedTarget struct {
	// Target is provider/model.
	Target string `json:"target"`
	// First is the share of such calls that come here first, where chance decides.
	First *float64 `json:"first"`
	// Skipped says why it would not be asked now.
	Skipped *struct {
		Because string   `json:"because"`
		Text    string   `json:"text"`
		Seconds *float64 `json:"for_s"`
	} `json:"skipped"`
	// Cost is what the call would cost here, in dollars.
	Cost string `json:"cost"`
	// Reserves is the most a try here can cost, in dollars.
	Reserves string `json:"reserves"`
}

// Explain says what the gateway would do with a request, and why. Nothing is called and nothing
// changes.
func (g *Gateway) Explain(ctx context.Context, request ExplainRequest) (*Explanation, error) {
	headers := map[string]string{}
	for name, values := range request.Header {
		headers[name] = strings.Join(values, ", ")
	}
	told := map[string]any{"headers": headers}
	if request.Method != "" {
		told["method"] = request.Method
	}
	if request.Path != "" {
		told["path"] = g.prefix + request.Path
	} else if g.prefix != "" {
		told["path"] = g.prefix + "/v1/chat/completions"
	}
	if request.Body != nil {
		body, err := encode(request.Body)
		if err != nil {
			return nil, err
		}
		told["body"] = json.RawMessage(body)
	}
	whole := &Gateway{core: g.core, view: g.view, key: g.key, header: g.header}
	return post[Explanation](ctx, whole, "/api/explain", told)
}

func (e *Explanation) answered(raw []byte, _ Facts) { e.Raw = raw }
