// A plugin made with go-plugin 1.0.1 and the gRPC of its day: no stdio service, no socket directory. It serves a part of the Echo service
// of ../go-plugin.
package main

import (
	"context"
	"errors"

	"github.com/golang/protobuf/ptypes/wrappers"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

type echo struct {
	plugin.NetRPCUnsupportedPlugin
	broker *plugin.GRPCBroker
}

func (e *echo) GRPCServer(broker *plugin.GRPCBroker, server *grpc.Server) error {
	e.broker = broker
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "interop.Echo",
		HandlerType: (*interface{})(nil),
		Methods: []grpc.MethodDesc{
			{MethodName: "Say", Handler: e.say},
			{MethodName: "CallBack", Handler: e.callBack},
		},
	}, e)
	return nil
}

func (e *echo) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (interface{}, error) {
	return nil, errors.New("this is a plugin, not a host")
}

func (e *echo) say(_ interface{}, _ context.Context, decode func(interface{}) error, _ grpc.UnaryServerInterceptor) (interface{}, error) {
	text := new(wrappers.StringValue)
	if err := decode(text); err != nil {
		return nil, err
	}
	return &wrappers.StringValue{Value: "go 1.0: " + text.Value}, nil
}

func (e *echo) callBack(_ interface{}, ctx context.Context, decode func(interface{}) error, _ grpc.UnaryServerInterceptor) (interface{}, error) {
	id := new(wrappers.UInt32Value)
	if err := decode(id); err != nil {
		return nil, err
	}
	conn, err := e.broker.Dial(id.Value)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	answer := new(wrappers.StringValue)
	err = conn.Invoke(ctx, "/interop.Echo/Say", &wrappers.StringValue{Value: "called back"}, answer)
	return answer, err
}

func main() {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion:  1,
			MagicCookieKey:   "ECHO_PLUGIN_MAGIC_COOKIE",
			MagicCookieValue: "echo",
		},
		Plugins:    map[string]plugin.Plugin{"echo": &echo{}},
		GRPCServer: plugin.DefaultGRPCServer,
	})
}
