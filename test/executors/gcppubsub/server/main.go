// Google's own in-memory Pub/Sub, with faults that a message asks for.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"strconv"
	"strings"
	"sync"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// faults fails a publish whose message has an attribute fault: CODE, or NAME:CODE:TIMES for the first times that NAME is seen.
type faults struct {
	mu   sync.Mutex
	seen map[string]int
}

func (f *faults) React(request any) (bool, any, error) {
	publish, ok := request.(*pubsubpb.PublishRequest)
	if !ok {
		return false, &pubsubpb.PublishResponse{}, nil
	}
	for _, message := range publish.Messages {
		fault, ok := message.Attributes["fault"]
		if !ok {
			continue
		}
		parts := strings.Split(fault, ":")
		if len(parts) == 3 {
			times, _ := strconv.Atoi(parts[2])
			f.mu.Lock()
			f.seen[parts[0]]++
			over := f.seen[parts[0]] > times
			f.mu.Unlock()
			if over {
				continue
			}
			parts = parts[1:]
		}
		code, _ := strconv.Atoi(parts[0])
		return true, &pubsubpb.PublishResponse{}, status.Error(codes.Code(code), fmt.Sprintf("asked for code %d", code))
	}
	return false, &pubsubpb.PublishResponse{}, nil
}

func main() {
	address := flag.String("address", "", "where to listen")
	topics := flag.String("topics", "", "topics to begin with, by their full names, with spaces between them")
	flag.Parse()
	server := pstest.NewServerWithAddress(*address, pstest.ServerReactorOption{
		FuncName: "Publish",
		Reactor:  &faults{seen: map[string]int{}},
	})
	// For whoever tries the executor by hand.
	for _, name := range strings.Fields(*topics) {
		if _, err := server.GServer.CreateTopic(context.Background(), &pubsubpb.Topic{Name: name}); err != nil {
			log.Fatal(err)
		}
	}
	log.Printf("listening on %s", server.Addr)
	select {}
}
