package tidegate

import (
	"encoding/json"
	"fmt"
	"time"
)

// Code is a stable error code. Its constants begin with Code; each is also an error, so that
// errors.Is(err, tidegate.CodeBudgetExhausted) works.
type Code int

// String is the stable name, for instance budget_exhausted.
func (c Code) String() string {
	if slug, ok := slugs[c]; ok {
		return slug
	}
	return fmt.Sprintf("code_%d", int(c))
}

// Error makes a code a target for errors.Is.
func (c Code) Error() string { return c.String() }

// Error is why a call failed. Find it with errors.As.
type Error struct {
	// Code is stable, as is Slug, its name. Message is for people and may change in any release.
	Code    Code   `json:"code"`
	Slug    string `json:"slug"`
	Message string `json:"message"`
	// Origin tells who is at fault: caller, gateway or upstream.
	Origin string `json:"origin"`
	// Status is the HTTP status a server answers with: the upstream's own where there is one.
	Status int `json:"status"`
	// RetryAfter is how long to wait before the next try; 0 when unknown.
	RetryAfter time.Duration `json:"-"`
	// Param is the request member or configuration path at fault.
	Param string `json:"param"`
	// RequestID is the id under which the call was logged.
	RequestID string `json:"request_id"`
	// Attempts are the tries made, in order.
	Attempts []Attempt `json:"attempts"`
	// Upstream is the upstream's own answer, when the error is one.
	Upstream *UpstreamError `json:"upstream"`
}

// Attempt is one try at one target with one key.
type Attempt struct {
	Target string `json:"target"`
	Key    string `json:"key"`
	Status int    `json:"status"`
	Error  string `json:"error"`
}

// UpstreamError is an upstream's own refusal.
type UpstreamError struct {
	Status  int    `json:"status"`
	Target  string `json:"target"`
	Dialect string `json:"dialect"`
	Body    string `json:"body"`
}

// Error is the message, the number and the slug.
func (e *Error) Error() string {
	return fmt.Sprintf("tidegate: %s [%d %s]", e.Message, int(e.Code), e.Slug)
}

// Is reports whether target is this error's [Code].
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == e.Code
}

func parseError(text []byte) error {
	parsed := struct {
		Error
		Seconds float64 `json:"retry_after"`
	}{}
	if err := json.Unmarshal(text, &parsed); err != nil {
		return fmt.Errorf("tidegate: unreadable error %q: %w", text, err)
	}
	parsed.RetryAfter = time.Duration(parsed.Seconds * float64(time.Second))
	return &parsed.Error
}

func closedError() error {
	return &Error{
		Code: CodeClosed, Slug: CodeClosed.String(), Message: "the gateway is closed",
		Origin: "gateway", Status: 503,
	}
}
