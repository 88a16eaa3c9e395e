// A broker of Go Micro as a process: does what the lines of its input ask, and tells what comes of it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"go-micro.dev/v5/broker"
	"go-micro.dev/v5/registry"
)

// Knows the services that it is told of, and tells of those that register.
type told map[string]*registry.Service

func (t told) Init(...registry.Option) error                                     { return nil }
func (t told) Options() registry.Options                                         { return registry.Options{} }
func (t told) Deregister(*registry.Service, ...registry.DeregisterOption) error  { return nil }
func (t told) ListServices(...registry.ListOption) ([]*registry.Service, error)  { return nil, nil }
func (t told) Watch(...registry.WatchOption) (registry.Watcher, error)           { return nil, registry.ErrNotFound }
func (t told) String() string                                                    { return "told" }

func (t told) Register(service *registry.Service, _ ...registry.RegisterOption) error {
	tell("registered", service)
	return nil
}

func (t told) GetService(name string, _ ...registry.GetOption) ([]*registry.Service, error) {
	if service, ok := t[name]; ok {
		return []*registry.Service{service}, nil
	}
	return nil, registry.ErrNotFound
}

type question struct {
	Service   *registry.Service
	Publish   string
	Subscribe string
	Queue     string
	Header    map[string]string
	Body      string
}

func tell(what string, about any) {
	line, _ := json.Marshal(map[string]any{what: about})
	fmt.Println(string(line))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	services := told{}
	b := broker.NewHttpBroker(broker.Registry(services), broker.Addrs("127.0.0.1:0"))
	must(b.Init())
	must(b.Connect())
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var ask question
		must(json.Unmarshal(lines.Bytes(), &ask))
		switch {
		case ask.Service != nil:
			services[ask.Service.Name] = ask.Service
		case ask.Publish != "":
			must(b.Publish(ask.Publish, &broker.Message{Header: ask.Header, Body: []byte(ask.Body)}))
		case ask.Subscribe != "":
			options := []broker.SubscribeOption{}
			if ask.Queue != "" {
				options = append(options, broker.Queue(ask.Queue))
			}
			_, err := b.Subscribe(ask.Subscribe, func(event broker.Event) error {
				message := event.Message()
				tell("heard", map[string]any{"header": message.Header, "body": string(message.Body)})
				return nil
			}, options...)
			must(err)
		}
	}
}
