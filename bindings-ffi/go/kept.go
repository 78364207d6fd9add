package tidegate

import (
	"context"
	"net/url"
)

// FileObject is a file that a vendor keeps.
type FileObject struct {
	ID       string `json:"id"`
	Filename string `json:"filename"`
	Bytes    int64  `json:"bytes"`
	Purpose  string `json:"purpose"`
	Status   string `json:"status"`
	Answer
}

// Files are the calls about files a vendor keeps.
type Files struct{ gateway *Gateway }

// Files gives the calls about files a vendor keeps: OpenAI, unless [Gateway.At] names another.
func (g *Gateway) Files() Files { return Files{g} }

const files = "/v1/files"

// Create uploads a file. The form has file and purpose.
func (f Files) Create(ctx context.Context, form M) (*FileObject, error) {
	return postForm[FileObject](ctx, f.gateway, files, form)
}

// List gives a page of files; query may be nil.
func (f Files) List(ctx context.Context, query url.Values) (*Page[FileObject], error) {
	return list[FileObject](ctx, f.gateway, files, query)
}

// Retrieve tells about a file.
func (f Files) Retrieve(ctx context.Context, id string) (*FileObject, error) {
	return askAt[FileObject](ctx, f.gateway, "GET", files, id, "")
}

// Delete deletes a file.
func (f Files) Delete(ctx context.Context, id string) (*Deleted, error) {
	return askAt[Deleted](ctx, f.gateway, "DELETE", files, id, "")
}

// Content gives a file's bytes as they arrive; close it.
func (f Files) Content(ctx context.Context, id string) (*Content, error) {
	return f.gateway.contentAt(ctx, files, id, "/content")
}

// Batch is a batch of calls and how far it is.
type Batch struct {
	ID            string           `json:"id"`
	Status        string           `json:"status"`
	InputFileID   string           `json:"input_file_id"`
	OutputFileID  string           `json:"output_file_id"`
	ErrorFileID   string           `json:"error_file_id"`
	RequestCounts map[string]int64 `json:"request_counts"`
	Answer
}

// Batches are calls that a vendor answers within hours, at a lower price.
type Batches struct{ gateway *Gateway }

// Batches gives the calls about batches, in OpenAI's shape.
func (g *Gateway) Batches() Batches { return Batches{g} }

const batches = "/v1/batches"

// Create begins a batch.
func (b Batches) Create(ctx context.Context, request any) (*Batch, error) {
	return post[Batch](ctx, b.gateway, batches, request)
}

// List gives a page of batches; query may be nil.
func (b Batches) List(ctx context.Context, query url.Values) (*Page[Batch], error) {
	return list[Batch](ctx, b.gateway, batches, query)
}

// Retrieve tells how far a batch is.
func (b Batches) Retrieve(ctx context.Context, id string) (*Batch, error) {
	return askAt[Batch](ctx, b.gateway, "GET", batches, id, "")
}

// Cancel ends a batch.
func (b Batches) Cancel(ctx context.Context, id string) (*Batch, error) {
	return askAt[Batch](ctx, b.gateway, "POST", batches, id, "/cancel")
}

// MessageBatch is a batch of messages and how far it is.
type MessageBatch struct {
	ID               string           `json:"id"`
	ProcessingStatus string           `json:"processing_status"`
	RequestCounts    map[string]int64 `json:"request_counts"`
	ResultsURL       string           `json:"results_url"`
	Answer
}

// MessageBatches are batches in Anthropic's shape.
type MessageBatches struct{ gateway *Gateway }

// MessageBatches gives the calls about batches, in Anthropic's shape.
func (g *Gateway) MessageBatches() MessageBatches { return MessageBatches{g} }

const messageBatches = "/v1/messages/batches"

// Create begins a batch of messages.
func (b MessageBatches) Create(ctx context.Context, request any) (*MessageBatch, error) {
	return post[MessageBatch](ctx, b.gateway, messageBatches, request)
}

// List gives a page of batches; query may be nil.
func (b MessageBatches) List(ctx context.Context, query url.Values) (*Page[MessageBatch], error) {
	return list[MessageBatch](ctx, b.gateway, messageBatches, query)
}

// Retrieve tells how far a batch is.
func (b MessageBatches) Retrieve(ctx context.Context, id string) (*MessageBatch, error) {
	return askAt[MessageBatch](ctx, b.gateway, "GET", messageBatches, id, "")
}

// Cancel ends a batch.
func (b MessageBatches) Cancel(ctx context.Context, id string) (*MessageBatch, error) {
	return askAt[MessageBatch](ctx, b.gateway, "POST", messageBatches, id, "/cancel")
}

// Delete deletes a batch that has ended.
func (b MessageBatches) Delete(ctx context.Context, id string) (*Deleted, error) {
	return askAt[Deleted](ctx, b.gateway, "DELETE", messageBatches, id, "")
}

// Results gives the answers of a batch, a JSON document per line, as they arrive; close it.
func (b MessageBatches) Results(ctx context.Context, id string) (*Content, error) {
	return b.gateway.contentAt(ctx, messageBatches, id, "/results")
}

// Video is a film and how far it is.
type Video struct {
	ID       string  `json:"id"`
	Model    string  `json:"model"`
	Status   string  `json:"status"`
	Progress float64 `json:"progress"`
	Answer
}

// Videos are the calls about films, in OpenAI's shape.
type Videos struct{ gateway *Gateway }

// Videos gives the calls about films.
func (g *Gateway) Videos() Videos { return Videos{g} }

const videos = "/v1/videos"

// Create begins a film. The form has prompt and OpenAI's other fields.
func (v Videos) Create(ctx context.Context, form M) (*Video, error) {
	return postForm[Video](ctx, v.gateway, videos, form)
}

// List gives a page of films; query may be nil.
func (v Videos) List(ctx context.Context, query url.Values) (*Page[Video], error) {
	return list[Video](ctx, v.gateway, videos, query)
}

// Retrieve tells how far a film is.
func (v Videos) Retrieve(ctx context.Context, id string) (*Video, error) {
	return askAt[Video](ctx, v.gateway, "GET", videos, id, "")
}

// Delete deletes a film.
func (v Videos) Delete(ctx context.Context, id string) (*Deleted, error) {
	return askAt[Deleted](ctx, v.gateway, "DELETE", videos, id, "")
}

// Content gives a film's bytes as they arrive; close it.
func (v Videos) Content(ctx context.Context, id string) (*Content, error) {
	return v.gateway.contentAt(ctx, videos, id, "/content")
}

// KeptResponses are the calls about responses a vendor keeps.
type KeptResponses struct{ gateway *Gateway }

// KeptResponses gives the calls about responses a vendor keeps.
func (g *Gateway) KeptResponses() KeptResponses { return KeptResponses{g} }

const responses = "/v1/responses"

// Retrieve gives a response again.
func (r KeptResponses) Retrieve(ctx context.Context, id string) (*ResponsesReply, error) {
	return askAt[ResponsesReply](ctx, r.gateway, "GET", responses, id, "")
}

// Delete deletes a response.
func (r KeptResponses) Delete(ctx context.Context, id string) (*Deleted, error) {
	return askAt[Deleted](ctx, r.gateway, "DELETE", responses, id, "")
}

// Cancel ends a response that is made in the background.
func (r KeptResponses) Cancel(ctx context.Context, id string) (*ResponsesReply, error) {
	return askAt[ResponsesReply](ctx, r.gateway, "POST", responses, id, "/cancel")
}
