package tidegate

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
)

func TestWithStreamTouchesNothingElse(t *testing.T) {
	for body, want := range map[string]string{
		`{}`:                             `{"stream":true}`,
		` { "a" : 1e400 , "a":-0 }`:      ` {"stream":true, "a" : 1e400 , "a":-0 }`,
		`{"stream":false,"b":"\u00e9"}`:  `{"stream":true,"b":"\u00e9"}`,
		`{"a":{"stream":1},"stream": 0}`: `{"a":{"stream":1},"stream": true}`,
		`{"stream":true}`:                `{"stream":true}`,
		`[1]`:                            `[1]`,
		`{"a":`:                          `{"stream":true,"a":`,
		``:                               ``,
	} {
		if got := string(withStream([]byte(body))); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}

func TestEncodeLeavesBytesAlone(t *testing.T) {
	raw := json.RawMessage(` {"b":1, "a":2}`)
	if got, err := encode(raw); err != nil || string(got) != string(raw) {
		t.Errorf("%s %v", got, err)
	}
	if got, err := encode(M{"a": "<&>"}); err != nil || string(got) != `{"a":"<&>"}` {
		t.Errorf("%s %v", got, err)
	}
}

func TestVectorsAreReadFromNumbersAndBase64(t *testing.T) {
	var vector Vector
	if err := json.Unmarshal([]byte(`[1,-0.5]`), &vector); err != nil || len(vector) != 2 || vector[1] != -0.5 {
		t.Errorf("%v %v", vector, err)
	}
	if err := json.Unmarshal([]byte(`"AACAPwAAAL8="`), &vector); err != nil || vector[0] != 1 || vector[1] != -0.5 {
		t.Errorf("%v %v", vector, err)
	}
	if err := json.Unmarshal([]byte(`"%"`), &vector); err == nil {
		t.Error("not base64")
	}
}

func TestErrorsKeepTheirNumbers(t *testing.T) {
	err := parseError([]byte(`{"code":1205,"slug":"budget_exhausted","message":"spent","status":402,"retry_after":1.5}`))
	var failure *Error
	if !errors.As(err, &failure) || !errors.Is(err, CodeBudgetExhausted) || failure.RetryAfter.Milliseconds() != 1500 {
		t.Errorf("%v", err)
	}
	if err.Error() != "tidegate: spent [1205 budget_exhausted]" || Code(7).String() != "code_7" {
		t.Errorf("%v", err)
	}
}

func TestFactsComeFromTheEndFirst(t *testing.T) {
	header, trailer := http.Header{}, http.Header{}
	header.Set("x-tidegate-target", "a/b")
	header.Set("x-tidegate-dropped", "logit_bias, seed")
	header.Set("x-tidegate-overhead-us", "12")
	trailer.Set("x-tidegate-cost", "0.5")
	trailer.Set("x-tidegate-usage", "estimated")
	facts := factsOf(header, trailer)
	if facts.Target != "a/b" || facts.Cost != "0.5" || !facts.Estimated || len(facts.Dropped) != 2 || facts.Overhead.Microseconds() != 12 {
		t.Errorf("%+v", facts)
	}
}
