// A gRPC server for tests: every kind of call, reflection in both versions, health, TLS and mutual TLS.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"flag"
	"log"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bufbuild/protocompile"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/durationpb"
)

//go:embed peer.proto
var source string

type schema struct {
	files *protoregistry.Files
	file  protoreflect.FileDescriptor
}

func (s schema) message(name string) *dynamicpb.Message {
	return dynamicpb.NewMessage(s.file.Messages().ByName(protoreflect.Name(name)))
}

type server struct {
	schema
	started, cancelled atomic.Int32
}

func get(m protoreflect.Message, name string) protoreflect.Value {
	return m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(name)))
}

func set(m protoreflect.Message, name string, value any) {
	m.Set(m.Descriptor().Fields().ByName(protoreflect.Name(name)), protoreflect.ValueOf(value))
}

func (s *server) reply(ctx context.Context, request *dynamicpb.Message) *dynamicpb.Message {
	reply := s.message("Reply")
	if request != nil {
		set(reply, "request", request.ProtoReflect())
		set(reply, "text", get(request, "text").String())
	}
	if values, ok := metadata.FromIncomingContext(ctx); ok {
		field := reply.Descriptor().Fields().ByName("metadata")
		entries := reply.Mutable(field).Map()
		for name, all := range values {
			text := strings.Join(all, ",")
			if strings.HasSuffix(name, "-bin") {
				text = base64.StdEncoding.EncodeToString([]byte(strings.Join(all, "")))
			}
			entries.Set(protoreflect.ValueOfString(name).MapKey(), protoreflect.ValueOfString(text))
			if name == ":authority" {
				set(reply, "authority", text)
			}
		}
	}
	if caller, ok := peer.FromContext(ctx); ok {
		if info, ok := caller.AuthInfo.(credentials.TLSInfo); ok && len(info.State.PeerCertificates) > 0 {
			set(reply, "identity", info.State.PeerCertificates[0].Subject.CommonName)
		}
	}
	if deadline, ok := ctx.Deadline(); ok {
		set(reply, "has_deadline", true)
		set(reply, "deadline_ms", time.Until(deadline).Milliseconds())
	}
	return reply
}

func (s *server) failure(ctx context.Context, request *dynamicpb.Message) error {
	earlier := "0"
	if values, ok := metadata.FromIncomingContext(ctx); ok && len(values["grpc-previous-rpc-attempts"]) > 0 {
		earlier = values["grpc-previous-rpc-attempts"][0]
	}
	_ = grpc.SetTrailer(ctx, metadata.Pairs("x-earlier-attempts", earlier))
	_ = grpc.SetTrailer(ctx, metadata.Pairs("x-trail", "the end", "x-trail-bin", "\x00\xff"))
	trouble := s.message("Trouble")
	set(trouble, "what", "of our own")
	st, err := status.New(codes.Code(get(request, "code").Int()), get(request, "text").String()).WithDetails(
		&errdetails.ErrorInfo{Reason: "NO_ORDER", Domain: "shop.test", Metadata: map[string]string{"order": "7"}},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "order", Description: "is unknown"}}},
		protoadapt.MessageV1Of(trouble),
	)
	if err != nil {
		return err
	}
	return st.Err()
}

type unary func(ctx context.Context, request *dynamicpb.Message) (*dynamicpb.Message, error)

func (s *server) unary(name string, answer unary) grpc.MethodDesc {
	return grpc.MethodDesc{MethodName: name, Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		request := s.message("Request")
		if err := decode(request); err != nil {
			return nil, err
		}
		return answer(ctx, request)
	}}
}

// receive calls take for each request.
func (s *server) receive(stream grpc.ServerStream, take func(*dynamicpb.Message) error) error {
	for {
		request := s.message("Request")
		if err := stream.RecvMsg(request); err != nil {
			if err.Error() == "EOF" {
				return nil
			}
			return err
		}
		if err := take(request); err != nil {
			return err
		}
	}
}

func (s *server) service() *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: "test.v1.Peer",
		HandlerType: (*any)(nil),
		Metadata:    "peer.proto",
		Methods: []grpc.MethodDesc{
			s.unary("Echo", func(ctx context.Context, request *dynamicpb.Message) (*dynamicpb.Message, error) {
				_ = grpc.SetHeader(ctx, metadata.Pairs("x-head", "the start"))
				return s.reply(ctx, request), nil
			}),
			s.unary("Fail", func(ctx context.Context, request *dynamicpb.Message) (*dynamicpb.Message, error) {
				return nil, s.failure(ctx, request)
			}),
			s.unary("Hang", func(ctx context.Context, request *dynamicpb.Message) (*dynamicpb.Message, error) {
				s.started.Add(1)
				<-ctx.Done()
				s.cancelled.Add(1)
				return nil, ctx.Err()
			}),
			s.unary("Hangs", func(ctx context.Context, request *dynamicpb.Message) (*dynamicpb.Message, error) {
				reply := s.message("HangReply")
				set(reply, "started", s.started.Load())
				set(reply, "cancelled", s.cancelled.Load())
				return reply, nil
			}),
		},
		Streams: []grpc.StreamDesc{
			{StreamName: "Count", ServerStreams: true, Handler: func(_ any, stream grpc.ServerStream) error {
				return s.receive(stream, func(request *dynamicpb.Message) error {
					for i := int64(0); i < get(request, "count").Int(); i++ {
						if err := stream.SendMsg(s.reply(context.Background(), request)); err != nil {
							return err
						}
					}
					return nil
				})
			}},
			{StreamName: "FailLate", ServerStreams: true, Handler: func(_ any, stream grpc.ServerStream) error {
				return s.receive(stream, func(request *dynamicpb.Message) error {
					if err := stream.SendMsg(s.reply(context.Background(), request)); err != nil {
						return err
					}
					return s.failure(stream.Context(), request)
				})
			}},
			{StreamName: "Collect", ClientStreams: true, Handler: func(_ any, stream grpc.ServerStream) error {
				var texts []string
				err := s.receive(stream, func(request *dynamicpb.Message) error {
					texts = append(texts, get(request, "text").String())
					return nil
				})
				if err != nil {
					return err
				}
				reply := s.message("Reply")
				set(reply, "text", strings.Join(texts, " "))
				return stream.SendMsg(reply)
			}},
			{StreamName: "Chat", ClientStreams: true, ServerStreams: true, Handler: func(_ any, stream grpc.ServerStream) error {
				return s.receive(stream, func(request *dynamicpb.Message) error {
					return stream.SendMsg(s.reply(context.Background(), request))
				})
			}},
		},
	}
}

func compile() schema {
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(map[string]string{"peer.proto": source}),
	})}
	compiled, err := compiler.Compile(context.Background(), "peer.proto")
	if err != nil {
		log.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	add(set, map[string]bool{}, compiled[0])
	for _, known := range []protoreflect.FileDescriptor{
		healthpb.File_grpc_health_v1_health_proto,
		reflectionv1.File_grpc_reflection_v1_reflection_proto,
		reflectionv1alpha.File_grpc_reflection_v1alpha_reflection_proto,
	} {
		set.File = append(set.File, protodesc.ToFileDescriptorProto(known))
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		log.Fatal(err)
	}
	file, err := files.FindFileByPath("peer.proto")
	if err != nil {
		log.Fatal(err)
	}
	return schema{files: files, file: file}
}

func add(set *descriptorpb.FileDescriptorSet, seen map[string]bool, file protoreflect.FileDescriptor) {
	if seen[file.Path()] {
		return
	}
	seen[file.Path()] = true
	for i := 0; i < file.Imports().Len(); i++ {
		add(set, seen, file.Imports().Get(i).FileDescriptor)
	}
	set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
}

func serve(address string, peer *server, v1, v1alpha bool, options ...grpc.ServerOption) {
	if address == "" {
		return
	}
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		log.Fatal(err)
	}
	s := grpc.NewServer(options...)
	s.RegisterService(peer.service(), nil)
	states := health.NewServer()
	states.SetServingStatus("test.v1.Peer", healthpb.HealthCheckResponse_SERVING)
	states.SetServingStatus("test.v1.Down", healthpb.HealthCheckResponse_NOT_SERVING)
	healthpb.RegisterHealthServer(s, states)
	reflected := reflection.ServerOptions{Services: s, DescriptorResolver: peer.files, ExtensionResolver: protoregistry.GlobalTypes}
	if v1 {
		reflectionv1.RegisterServerReflectionServer(s, reflection.NewServerV1(reflected))
	}
	if v1alpha {
		reflectionv1alpha.RegisterServerReflectionServer(s, reflection.NewServer(reflected))
	}
	go func() { log.Fatal(s.Serve(listener)) }()
}

func main() {
	plain := flag.String("plain", "", "address with both versions of reflection")
	alpha := flag.String("alpha", "", "address with the old version of reflection only")
	bare := flag.String("bare", "", "address without reflection")
	secure := flag.String("tls", "", "address with TLS")
	mutual := flag.String("mutual", "", "address with TLS that asks for a certificate")
	socket := flag.String("socket", "", "path of a unix socket")
	certificate := flag.String("certificate", "", "PEM file")
	key := flag.String("key", "", "PEM file")
	authority := flag.String("authority", "", "PEM file of whom to trust")
	descriptors := flag.String("descriptors", "", "where to write the descriptor set")
	flag.Parse()

	peer := &server{schema: compile()}
	if *descriptors != "" {
		describe(peer, *descriptors)
	}
	large := grpc.MaxRecvMsgSize(16 << 20)
	serve(*plain, peer, true, true, large)
	serve(*alpha, peer, false, true)
	serve(*bare, peer, false, false)
	serve(*socket, peer, true, true)
	if *secure != "" || *mutual != "" {
		settings, both := tlsSettings(*certificate, *key, *authority)
		serve(*secure, peer, true, true, grpc.Creds(credentials.NewTLS(settings)))
		serve(*mutual, peer, true, true, grpc.Creds(credentials.NewTLS(both)))
	}
	select {}
}

// describe writes the schema as a descriptor set.
func describe(peer *server, path string) {
	set := &descriptorpb.FileDescriptorSet{}
	add(set, map[string]bool{}, peer.file)
	bytes, err := proto.Marshal(set)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(path, bytes, 0o644); err != nil {
		log.Fatal(err)
	}
}

// tlsSettings are for clients without and with a certificate.
func tlsSettings(certificate, key, authority string) (*tls.Config, *tls.Config) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		log.Fatal(err)
	}
	pool := x509.NewCertPool()
	pem, err := os.ReadFile(authority)
	if err != nil {
		log.Fatal(err)
	}
	pool.AppendCertsFromPEM(pem)
	settings := &tls.Config{Certificates: []tls.Certificate{pair}}
	both := &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	return settings, both
}
