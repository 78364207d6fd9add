package tidegate

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// encode marshals a request or configuration; JSON that already is bytes is left alone.
func encode(value any) ([]byte, error) {
	switch value := value.(type) {
	case json.RawMessage:
		return value, nil
	case []byte:
		return value, nil
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("tidegate: %w", err)
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}

// withStream sets the top-level member "stream" to true and leaves every other byte alone. What is
// not an object is passed on as it is: the gateway names the mistake.
func withStream(body []byte) []byte {
	start, end, open, empty := findMember(body, "stream")
	switch {
	case start >= 0:
		return splice(body, start, end, "true")
	case open < 0:
		return body
	case empty:
		return splice(body, open, open, `"stream":true`)
	default:
		return splice(body, open, open, `"stream":true,`)
	}
}

func splice(body []byte, start, end int, with string) []byte {
	out := make([]byte, 0, len(body)-(end-start)+len(with))
	out = append(out, body[:start]...)
	out = append(out, with...)
	return append(out, body[end:]...)
}

// findMember finds the span of a top-level member's value (the last one of that name, as decoders
// read it), the place after the opening brace, and whether the object is empty. Missing things
// are -1.
func findMember(body []byte, name string) (start, end, open int, empty bool) {
	start, end, open = -1, -1, -1
	decoder := json.NewDecoder(bytes.NewReader(body))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return
	}
	open, empty = int(decoder.InputOffset()), true
	for decoder.More() {
		empty = false
		key, err := decoder.Token()
		if err != nil {
			return
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return
		}
		if key == name {
			end = int(decoder.InputOffset())
			start = end - len(value)
		}
	}
	return
}
