package tidegate

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
)

// EmbeddingsReply is an answer in the shape of OpenAI's embeddings.
type EmbeddingsReply struct {
	Model string      `json:"model"`
	Data  []Embedding `json:"data"`
	Usage *Usage      `json:"usage"`
	Answer
}

// Embedding is the vector of one input.
type Embedding struct {
	Index     int    `json:"index"`
	Embedding Vector `json:"embedding"`
}

// Vector is an embedding; it is read from an array of numbers or, as encoding_format base64 gives
// it, from packed 32-bit floats.
type Vector []float32

// UnmarshalJSON reads either form.
func (v *Vector) UnmarshalJSON(text []byte) error {
	if len(text) == 0 || text[0] != '"' {
		return json.Unmarshal(text, (*[]float32)(v))
	}
	var encoded string
	if err := json.Unmarshal(text, &encoded); err != nil {
		return err
	}
	packed, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return err
	}
	*v = make(Vector, len(packed)/4)
	for i := range *v {
		(*v)[i] = math.Float32frombits(binary.LittleEndian.Uint32(packed[4*i:]))
	}
	return nil
}

// Embeddings asks for embeddings. The request has OpenAI's shape.
func (g *Gateway) Embeddings(ctx context.Context, request any) (*EmbeddingsReply, error) {
	return post[EmbeddingsReply](ctx, g, "/v1/embeddings", request)
}

// Model is a name that requests may use.
type Model struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
	Answer
}

// Models lists the names that requests may use.
func (g *Gateway) Models(ctx context.Context) ([]Model, error) {
	page, err := list[Model](ctx, g, "/v1/models", nil)
	if err != nil {
		return nil, err
	}
	return page.Data, nil
}

// Model tells about one name.
func (g *Gateway) Model(ctx context.Context, name string) (*Model, error) {
	return askAt[Model](ctx, g, "GET", "/v1/models", name, "")
}
