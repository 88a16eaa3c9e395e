// A member of Go Micro's gossip registry. It prints what it knows, and does what the lines of its input ask.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/micro/go-micro/registry"
	"github.com/micro/go-micro/registry/gossip"
)

// What is to be done: "register", "deregister" or "list", of one service.
type order struct {
	Do      string
	Service *registry.Service
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	address := flag.String("address", "", "")
	join := flag.String("join", "", "")
	key := flag.String("key", "", "")
	flag.Parse()

	options := []registry.Option{gossip.Address(*address), registry.Addrs(strings.Split(*join, ",")...)}
	if *key != "" {
		options = append(options, registry.Secure(true), gossip.Secret([]byte(*key)))
	}
	fleet := gossip.NewRegistry(options...)
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var asked order
		check(json.Unmarshal(lines.Bytes(), &asked))
		switch asked.Do {
		case "register":
			check(fleet.Register(asked.Service, registry.RegisterTTL(time.Minute)))
		case "deregister":
			check(fleet.Deregister(asked.Service))
		}
		fmt.Println("done", asked.Do)
	}
}
