// Package echo is a small gRPC service for trying a go-plugin link in every direction, without generated code.
package echo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Handshake is what both sides must agree on.
var Handshake = plugin.HandshakeConfig{
	MagicCookieKey:   "ECHO_PLUGIN_MAGIC_COOKIE",
	MagicCookieValue: "echo",
}

const serviceName = "interop.Echo"

// Server is the service. Broker reaches the host, and Logger its log; both are nil where there is none.
type Server struct {
	Name   string
	Broker *plugin.GRPCBroker
	Logger hclog.Logger
}

// Say answers with the text and who said it.
func (s *Server) Say(_ context.Context, text *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	return wrapperspb.String(s.Name + ": " + text.Value), nil
}

// CallBack dials the broker id and says something there.
func (s *Server) CallBack(ctx context.Context, id *wrapperspb.UInt32Value) (*wrapperspb.StringValue, error) {
	conn, err := s.Broker.Dial(id.Value)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return NewClient(conn).Say(ctx, "called back")
}

// Offer serves another Echo and answers with its broker id.
func (s *Server) Offer(context.Context, *emptypb.Empty) (*wrapperspb.UInt32Value, error) {
	id := s.Broker.NextId()
	go s.Broker.AcceptAndServe(id, func(options []grpc.ServerOption) *grpc.Server {
		server := grpc.NewServer(options...)
		Register(server, &Server{Name: s.Name + " brokered"})
		return server
	})
	return wrapperspb.UInt32(id), nil
}

// Print writes to stdout and stderr.
func (s *Server) Print(_ context.Context, text *wrapperspb.StringValue) (*emptypb.Empty, error) {
	fmt.Print("out " + text.Value)
	fmt.Fprint(os.Stderr, "err "+text.Value)
	return &emptypb.Empty{}, nil
}

// Log writes an entry to the plugin's log.
func (s *Server) Log(_ context.Context, text *wrapperspb.StringValue) (*emptypb.Empty, error) {
	s.Logger.Warn(text.Value, "count", 7, "nested", "value")
	return &emptypb.Empty{}, nil
}

// Crash panics outside of any handler for "panic", or exits with the length of any other text.
func (s *Server) Crash(_ context.Context, text *wrapperspb.StringValue) (*emptypb.Empty, error) {
	if text.Value != "panic" {
		os.Exit(len(text.Value))
	}
	go panic("on purpose")
	time.Sleep(time.Minute)
	return &emptypb.Empty{}, nil
}

// Repeat answers with as many characters as asked for.
func (s *Server) Repeat(_ context.Context, count *wrapperspb.UInt32Value) (*wrapperspb.StringValue, error) {
	return wrapperspb.String(strings.Repeat("x", int(count.Value))), nil
}

// stream answers each number with itself, until there are no more.
func (s *Server) stream(_ any, stream grpc.ServerStream) error {
	for {
		number := new(wrapperspb.UInt32Value)
		if err := stream.RecvMsg(number); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.SendMsg(number); err != nil {
			return err
		}
	}
}

// Register adds the service to a gRPC server.
func Register(registrar grpc.ServiceRegistrar, server *Server) {
	registrar.RegisterService(&grpc.ServiceDesc{
		ServiceName: serviceName,
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{
			method("Say", server.Say),
			method("CallBack", server.CallBack),
			method("Offer", server.Offer),
			method("Print", server.Print),
			method("Log", server.Log),
			method("Crash", server.Crash),
			method("Repeat", server.Repeat),
		},
		Streams: []grpc.StreamDesc{
			{StreamName: "Stream", Handler: server.stream, ClientStreams: true, ServerStreams: true},
		},
	}, server)
}

func method[Request, Response any](name string, handle func(context.Context, *Request) (*Response, error)) grpc.MethodDesc {
	return grpc.MethodDesc{
		MethodName: name,
		Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			request := new(Request)
			if err := decode(request); err != nil {
				return nil, err
			}
			return handle(ctx, request)
		},
	}
}

// Client calls the service.
type Client struct{ conn grpc.ClientConnInterface }

// NewClient makes a client of a connection that stays its owner's.
func NewClient(conn grpc.ClientConnInterface) *Client { return &Client{conn} }

func call[Response any](ctx context.Context, c *Client, name string, request any) (*Response, error) {
	response := new(Response)
	err := c.conn.Invoke(ctx, "/"+serviceName+"/"+name, request, response)
	return response, err
}

func (c *Client) Say(ctx context.Context, text string) (*wrapperspb.StringValue, error) {
	return call[wrapperspb.StringValue](ctx, c, "Say", wrapperspb.String(text))
}

func (c *Client) CallBack(ctx context.Context, id uint32) (*wrapperspb.StringValue, error) {
	return call[wrapperspb.StringValue](ctx, c, "CallBack", wrapperspb.UInt32(id))
}

func (c *Client) Offer(ctx context.Context) (*wrapperspb.UInt32Value, error) {
	return call[wrapperspb.UInt32Value](ctx, c, "Offer", &emptypb.Empty{})
}

func (c *Client) Print(ctx context.Context, text string) (*emptypb.Empty, error) {
	return call[emptypb.Empty](ctx, c, "Print", wrapperspb.String(text))
}

func (c *Client) Log(ctx context.Context, text string) (*emptypb.Empty, error) {
	return call[emptypb.Empty](ctx, c, "Log", wrapperspb.String(text))
}

// Stream sends the numbers one by one, each after the answer to the one before, and gives the answers.
func (c *Client) Stream(ctx context.Context, numbers ...uint32) ([]uint32, error) {
	stream, err := c.conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/"+serviceName+"/Stream")
	if err != nil {
		return nil, err
	}
	var answers []uint32
	for _, number := range numbers {
		if err := stream.SendMsg(wrapperspb.UInt32(number)); err != nil {
			return nil, err
		}
		answer := new(wrapperspb.UInt32Value)
		if err := stream.RecvMsg(answer); err != nil {
			return nil, err
		}
		answers = append(answers, answer.Value)
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	if err := stream.RecvMsg(new(wrapperspb.UInt32Value)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the stream must end: %w", err)
	}
	return answers, nil
}

// Plugin is the service as go-plugin wants it.
type Plugin struct {
	plugin.NetRPCUnsupportedPlugin
	Service *Server
}

// Dispensed is what a host gets: the service, and the broker for the other direction.
type Dispensed struct {
	*Client
	Broker *plugin.GRPCBroker
}

func (p *Plugin) GRPCServer(broker *plugin.GRPCBroker, server *grpc.Server) error {
	p.Service.Broker = broker
	Register(server, p.Service)
	return nil
}

func (p *Plugin) GRPCClient(_ context.Context, broker *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return &Dispensed{NewClient(conn), broker}, nil
}
