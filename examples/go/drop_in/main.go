// The unmodified SDK of OpenAI over the gateway: only its transport is another one.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	tidegate "github.com/tidegate/tidegate-go"
)

func main() {
	gw, err := tidegate.Open("../../tidegate.yaml")
	if err != nil {
		log.Fatal(err)
	}
	defer gw.Close()

	client := openai.NewClient(
		option.WithHTTPClient(&http.Client{Transport: gw.RoundTripper()}),
		option.WithAPIKey("tg-captain"),
	)
	request := openai.ChatCompletionNewParams{
		Model:    "fast", // a route of tidegate.yaml
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Hello")},
	}
	reply, err := client.Chat.Completions.New(context.Background(), request)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(reply.Choices[0].Message.Content)

	stream := client.Chat.Completions.NewStreaming(context.Background(), request)
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			fmt.Print(choice.Delta.Content)
		}
	}
	if err := stream.Err(); err != nil {
		log.Fatal(err)
	}
	fmt.Println()

	request.Model = "storm/small"
	_, err = client.Chat.Completions.New(context.Background(), request, option.WithMaxRetries(0))
	var refused *openai.Error
	if !errors.As(err, &refused) {
		log.Fatal("the storm let it through: ", err)
	}
	fmt.Println("the SDK's own error:", refused.StatusCode, refused.Message)
}
