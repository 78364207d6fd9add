package tidegate_test

import (
	"testing"

	tidegate "github.com/tidegate/tidegate-go"
)

func benchGateway(b *testing.B) *tidegate.Gateway {
	b.Helper()
	gw, err := tidegate.OpenConfig(M{"providers": M{"mock": M{
		"dialect": "openai", "mock": M{"replies": []M{{"text": "one two three four five six seven eight"}}},
	}}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = gw.Close() })
	return gw
}

func BenchmarkChat(b *testing.B) {
	gw := benchGateway(b)
	request := hello("mock/small")
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			if _, err := gw.Chat(ctx, request); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.SetParallelism(32)
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				if _, err := gw.Chat(ctx, request); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

func BenchmarkChatStream(b *testing.B) {
	gw := benchGateway(b)
	request := hello("mock/small")
	for b.Loop() {
		for _, err := range gw.ChatStream(ctx, request) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
