// Calls a host, and prints what it says while it says it: one JSON object per line.
//
// Knows nothing of the host but its .proto files.
//
//	client ADDRESS
//
// Reads one call per line: {"method": "Watch", "request": {...}, "take": 3}. Prints each message of the answer, and then the status. With
// take, the call is dropped after so many messages.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"

	"google.golang.org/genproto/googleapis/rpc/code"
	_ "google.golang.org/genproto/googleapis/rpc/errdetails" // what is packed into a status
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	hostv1 "executor-host.test/clients/gen/host/v1"
)

type call struct {
	Method  protoreflect.Name `json:"method"`
	Request json.RawMessage   `json:"request"`
	Take    int               `json:"take"`
}

var service = hostv1.File_host_v1_host_proto.Services().ByName("HostService")

func show(fields map[string]any) {
	if err := json.NewEncoder(os.Stdout).Encode(fields); err != nil {
		log.Fatal(err)
	}
}

func toJSON(message proto.Message) json.RawMessage {
	text, err := protojson.Marshal(message)
	if err != nil {
		log.Fatal(err)
	}
	return text
}

func newMessage(descriptor protoreflect.MessageDescriptor) proto.Message {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(descriptor.FullName())
	if err != nil {
		log.Fatal(err)
	}
	return kind.New().Interface()
}

// perform makes a call of either kind: one that is answered once is a stream of one message.
func perform(connection *grpc.ClientConn, call call) error {
	ctx, drop := context.WithCancel(context.Background())
	defer drop()
	method := service.Methods().ByName(call.Method)
	request := newMessage(method.Input())
	if err := protojson.Unmarshal(call.Request, request); err != nil {
		log.Fatal(err)
	}
	path := "/" + string(service.FullName()) + "/" + string(call.Method)
	stream, err := connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, path)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(request); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for number := 1; ; number++ {
		response := newMessage(method.Output())
		if err := stream.RecvMsg(response); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		show(map[string]any{"message": toJSON(response)})
		if number == call.Take {
			drop()
		}
	}
}

func main() {
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		call := call{Request: json.RawMessage("{}")}
		if err := json.Unmarshal(lines.Bytes(), &call); err != nil {
			log.Fatal(err)
		}
		end := status.Convert(perform(connection, call))
		fields := map[string]any{}
		if err := json.Unmarshal(toJSON(end.Proto()), &fields); err != nil {
			log.Fatal(err)
		}
		fields["status"] = code.Code(end.Code()).String()
		show(fields)
	}
}
