// A plain member of a cluster of memberlist. It prints what it sees, and leaves when its input ends.
package main

import (
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/memberlist"
)

type watcher struct{}

func (watcher) NotifyJoin(node *memberlist.Node)   { fmt.Println("joined", node.Name) }
func (watcher) NotifyUpdate(node *memberlist.Node) { fmt.Println("updated", node.Name) }
func (watcher) NotifyLeave(node *memberlist.Node)  { fmt.Println("gone", node.Name) }

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	host := flag.String("host", "127.0.0.1", "")
	name := flag.String("name", "", "")
	join := flag.String("join", "", "")
	key := flag.String("key", "", "")
	label := flag.String("label", "", "")
	compress := flag.Bool("compress", true, "")
	flag.Parse()

	config := memberlist.DefaultLANConfig()
	config.Name = *name
	config.BindAddr = *host
	config.AdvertisePort = config.BindPort
	config.Label = *label
	config.EnableCompression = *compress
	config.Events = watcher{}
	if *key != "" {
		secret, err := base64.StdEncoding.DecodeString(*key)
		check(err)
		config.SecretKey = secret
	}
	list, err := memberlist.Create(config)
	check(err)
	if *join != "" {
		_, err = list.Join(strings.Split(*join, ","))
		check(err)
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	check(err)
	check(list.Leave(5 * time.Second))
	check(list.Shutdown())
}
