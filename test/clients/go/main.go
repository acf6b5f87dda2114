// Runs a job through a host, and prints what happens while it happens: one JSON object per line.
//
// Knows nothing of the host but its .proto files.
//
//	client ADDRESS EXECUTION_ID EXECUTOR [KEY=VALUE ...]
package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	hostv1 "executor-host.test/clients/gen/host/v1"
)

type object map[string]any

var lines = json.NewEncoder(os.Stdout)

func show(fields object) {
	if err := lines.Encode(fields); err != nil {
		log.Fatal(err)
	}
}

func showEvent(event *hostv1.Event) {
	switch kind := event.Kind.(type) {
	case *hostv1.Event_Started:
		show(object{"kind": "started"})
	case *hostv1.Event_State:
		show(object{"kind": "state"})
	case *hostv1.Event_Output:
		show(object{"kind": "output", "channel": kind.Output.Channel.String(), "data": kind.Output.Data})
	case *hostv1.Event_Result:
		result := kind.Result
		show(object{"kind": "result", "outcome": result.Outcome.String(), "evidence": result.Evidence.AsMap()})
	default:
		show(object{"kind": "other"})
	}
}

func run(ctx context.Context, host hostv1.HostServiceClient, spec *hostv1.ExecutionSpec) error {
	stream, err := host.Execute(ctx, &hostv1.ExecuteRequest{Spec: spec})
	if err != nil {
		return err
	}
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		for _, event := range response.Events {
			showEvent(event)
		}
	}
	got, err := host.Get(ctx, &hostv1.GetRequest{ExecutionId: spec.ExecutionId})
	if err != nil {
		return err
	}
	show(object{"kind": "execution", "state": got.Execution.State.String()})
	return nil
}

func main() {
	spec := &hostv1.ExecutionSpec{ExecutionId: os.Args[2], Executor: os.Args[3], Config: map[string]string{}}
	for _, pair := range os.Args[4:] {
		key, value, _ := strings.Cut(pair, "=")
		spec.Config[key] = value
	}
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	if err := run(context.Background(), hostv1.NewHostServiceClient(connection), spec); err != nil {
		show(object{"kind": "error", "code": status.Code(err).String(), "message": status.Convert(err).Message()})
	}
}
