package vendortest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	tidegate "github.com/tidegate/tidegate-go"
)

const nova = "us.amazon.nova-lite-v1:0"

// bedrockClient is Amazon's client over a gateway whose Bedrock is a server of the test's own.
func bedrockClient(t *testing.T, handler http.HandlerFunc) *bedrockruntime.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	gw, err := tidegate.OpenConfig(M{"providers": M{"bedrock": M{
		"base_url": server.URL,
		"aws":      M{"region": "us-east-1", "access_key_id": "AKIDGATEWAY", "secret_access_key": "s"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = gw.Close() })
	own := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIDCALLER", SecretAccessKey: "unused"}, nil
	})
	return bedrockruntime.New(bedrockruntime.Options{
		Region: "us-east-1", Credentials: own, HTTPClient: &http.Client{Transport: gw.RoundTripper()},
		RetryMaxAttempts: 1,
	})
}

func conversation() []types.Message {
	content := []types.ContentBlock{&types.ContentBlockMemberText{Value: "hi"}}
	return []types.Message{{Role: types.ConversationRoleUser, Content: content}}
}

// frame is one message of an event stream of AWS.
func frame(kind, body string) []byte {
	var headers bytes.Buffer
	for _, pair := range [][2]string{{":event-type", kind}, {":content-type", "application/json"}, {":message-type", "event"}} {
		headers.WriteByte(byte(len(pair[0])))
		headers.WriteString(pair[0])
		headers.WriteByte(7)
		_ = binary.Write(&headers, binary.BigEndian, uint16(len(pair[1])))
		headers.WriteString(pair[1])
	}
	var out bytes.Buffer
	_ = binary.Write(&out, binary.BigEndian, uint32(16+headers.Len()+len(body)))
	_ = binary.Write(&out, binary.BigEndian, uint32(headers.Len()))
	_ = binary.Write(&out, binary.BigEndian, crc32.ChecksumIEEE(out.Bytes()))
	out.Write(headers.Bytes())
	out.WriteString(body)
	_ = binary.Write(&out, binary.BigEndian, crc32.ChecksumIEEE(out.Bytes()))
	return out.Bytes()
}

func TestAmazonConverses(t *testing.T) {
	var path, signed string
	client := bedrockClient(t, func(w http.ResponseWriter, r *http.Request) {
		path, signed = r.URL.EscapedPath(), r.Header.Get("authorization")
		answer(200, nil, `{"output":{"message":{"role":"assistant","content":[{"text":"grüß dich ⚓"}]}},"stopReason":"end_turn",`+
			`"usage":{"inputTokens":3,"outputTokens":4,"totalTokens":7},"metrics":{"latencyMs":1}}`)(w, r)
	})
	reply, err := client.Converse(ctx, &bedrockruntime.ConverseInput{ModelId: aws.String(nova), Messages: conversation()})
	if err != nil {
		t.Fatal(err)
	}
	message := reply.Output.(*types.ConverseOutputMemberMessage).Value
	text := message.Content[0].(*types.ContentBlockMemberText).Value
	if text != "grüß dich ⚓" || *reply.Usage.TotalTokens != 7 || reply.StopReason != types.StopReasonEndTurn {
		t.Errorf("%+v", reply)
	}
	if !strings.HasPrefix(path, "/model/us.amazon.nova-lite-v1") || !strings.Contains(signed, "AKIDGATEWAY") {
		t.Errorf("%s signed %s", path, signed)
	}
}

func TestAmazonStreams(t *testing.T) {
	whole := bytes.Join([][]byte{
		frame("messageStart", `{"role":"assistant"}`),
		frame("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"ahoi ⚓ "}}`),
		frame("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"дом"}}`),
		frame("contentBlockStop", `{"contentBlockIndex":0}`),
		frame("messageStop", `{"stopReason":"end_turn"}`),
		frame("metadata", `{"usage":{"inputTokens":3,"outputTokens":4,"totalTokens":7},"metrics":{"latencyMs":1}}`),
	}, nil)
	for _, n := range []int{1, 7, len(whole)} {
		client := bedrockClient(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("content-type", "application/vnd.amazon.eventstream")
			for rest := whole; len(rest) > 0; rest = rest[min(n, len(rest)):] {
				_, _ = w.Write(rest[:min(n, len(rest))])
				w.(http.Flusher).Flush()
			}
		})
		reply, err := client.ConverseStream(ctx, &bedrockruntime.ConverseStreamInput{ModelId: aws.String(nova), Messages: conversation()})
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		var total int32
		for event := range reply.GetStream().Events() {
			switch event := event.(type) {
			case *types.ConverseStreamOutputMemberContentBlockDelta:
				if text, ok := event.Value.Delta.(*types.ContentBlockDeltaMemberText); ok {
					said.WriteString(text.Value)
				}
			case *types.ConverseStreamOutputMemberMetadata:
				total = *event.Value.Usage.TotalTokens
			}
		}
		if err := reply.GetStream().Err(); err != nil {
			t.Fatal(err)
		}
		if said.String() != "ahoi ⚓ дом" || total != 7 {
			t.Errorf("%q, %d tokens", said.String(), total)
		}
	}
}

func TestAmazonInvokes(t *testing.T) {
	client := bedrockClient(t, answer(200, map[string]string{"x-amzn-bedrock-input-token-count": "3"}, `{"embedding":[0.5],"inputTextTokenCount":3}`))
	reply, err := client.InvokeModel(ctx, &bedrockruntime.InvokeModelInput{
		ModelId: aws.String("amazon.titan-embed-text-v2:0"), Body: []byte(`{"inputText":"hi"}`), ContentType: aws.String("application/json"),
	})
	if err != nil || string(reply.Body) != `{"embedding":[0.5],"inputTextTokenCount":3}` {
		t.Errorf("%s, %v", reply.Body, err)
	}
}

func TestAmazonRaisesItsOwnErrors(t *testing.T) {
	for status, kind := range map[int]string{400: "ValidationException", 429: "ThrottlingException"} {
		headers := map[string]string{"x-amzn-errortype": kind}
		client := bedrockClient(t, answer(status, headers, `{"message":"not like this"}`))
		_, err := client.Converse(ctx, &bedrockruntime.ConverseInput{ModelId: aws.String(nova), Messages: conversation()})
		var invalid *types.ValidationException
		var throttled *types.ThrottlingException
		if status == 400 && !errors.As(err, &invalid) || status == 429 && !errors.As(err, &throttled) {
			t.Errorf("%d is %v", status, err)
		}
	}
}
