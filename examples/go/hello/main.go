// One call to the route `fast`: its text, its target and its cost.
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
		"model":    "fast",
		"messages": []tidegate.M{{"role": "user", "content": "Hello"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(reply.Text())
	fmt.Println("target:", reply.Gateway.Target)
	fmt.Println("cost:", reply.Gateway.Cost, "dollars")
}
