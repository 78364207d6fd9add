package tidegate

import (
	"context"
	"encoding/json"
	"iter"
)

// Transcription is what was said in a recording.
type Transcription struct {
	// Text of it; where response_format is srt, vtt or text, the whole answer.
	Text     string          `json:"text"`
	Language string          `json:"language"`
	Usage    json.RawMessage `json:"usage"`
	Answer
}

func (t *Transcription) text(all string) { t.Text = all }

// Audio are the calls about sound, in OpenAI's shape.
type Audio struct{ gateway *Gateway }

// Audio gives the calls about sound.
func (g *Gateway) Audio() Audio { return Audio{g} }

// Speech says a text. The sound can be read as it arrives; close it.
func (a Audio) Speech(ctx context.Context, request any) (*Content, error) {
	body, err := encode(request)
	if err != nil {
		return nil, err
	}
	return a.gateway.content(ctx, "POST", "/v1/audio/speech", nil, body)
}

// Transcribe writes down what is said. The form has file, model and OpenAI's other fields.
func (a Audio) Transcribe(ctx context.Context, form M) (*Transcription, error) {
	return postForm[Transcription](ctx, a.gateway, "/v1/audio/transcriptions", form)
}

// TranscribeStream writes down what is said and gives the words as they come. stream=true is added.
func (a Audio) TranscribeStream(ctx context.Context, form M) iter.Seq2[StreamEvent, error] {
	return decodeFormStream[StreamEvent](ctx, a.gateway, "/v1/audio/transcriptions", form)
}

// Translate writes down in English what is said. The form is that of Transcribe.
func (a Audio) Translate(ctx context.Context, form M) (*Transcription, error) {
	return postForm[Transcription](ctx, a.gateway, "/v1/audio/translations", form)
}
