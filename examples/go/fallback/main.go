// The first target of the route `brave` fails; the second answers.
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

	reply, err := gw.Chat(context.Background(), tidegate.M{
		"model":    "brave",
		"messages": []tidegate.M{{"role": "user", "content": "Is anybody there?"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(reply.Text())
	fmt.Println("target:", reply.Gateway.Target)
	fmt.Println("attempts:", reply.Gateway.Attempts)
}
