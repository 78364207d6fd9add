// The key `tg-deckhand` spends its budget until it is refused.
package main

import (
	"context"
	"errors"
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

	deckhand := gw.WithKey("tg-deckhand")
	for answers := 0; ; answers++ {
		_, err := deckhand.Chat(context.Background(), tidegate.M{
			"model":      "fast",
			"max_tokens": 50,
			"messages":   []tidegate.M{{"role": "user", "content": "Hello"}},
		})
		var failure *tidegate.Error
		switch {
		case errors.Is(err, tidegate.CodeBudgetExhausted) && errors.As(err, &failure):
			fmt.Printf("%d answers, then: %s (HTTP %d)\n", answers, failure.Slug, failure.Status)
			fmt.Println(failure.Message)
			return
		case err != nil:
			log.Fatal(err)
		}
	}
}
