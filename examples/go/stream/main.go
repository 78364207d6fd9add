// The same call, piece by piece.
package main

import (
	"context"
	"fmt"
	"log"

	tidegate "github.com/tidegate/tidegate-go"
)

func main() {
	gw, err := tidegate.Open("../../tidegate.yaml")
	if err != nil {
		log.Fatal(err)
	}
	defer gw.Close()

	var facts tidegate.Facts
	ctx := tidegate.WithFacts(context.Background(), &facts)
	request := tidegate.M{
		"model":    "fast",
		"messages": []tidegate.M{{"role": "user", "content": "Hello"}},
	}
	for chunk, err := range gw.ChatStream(ctx, request) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(chunk.Text())
	}
	fmt.Println("\ncost:", facts.Cost, "dollars")
}
