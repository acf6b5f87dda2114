// A host made with go-plugin 1.0.1: launches a plugin, tries what that release knows, and prints what it saw as JSON.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/golang/protobuf/ptypes/empty"
	"github.com/golang/protobuf/ptypes/wrappers"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

type report struct {
	Version    int    `json:"version"`
	Said       string `json:"said"`
	CalledBack string `json:"calledBack"`
	Offered    string `json:"offered"`
	Log        string `json:"log"`
	Exited     bool   `json:"exited"`
}

// echo is the host's side of the Echo service of ../../go-plugin.
type echo struct{ plugin.NetRPCUnsupportedPlugin }

type dispensed struct {
	conn   *grpc.ClientConn
	broker *plugin.GRPCBroker
}

func (*echo) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("this is a host, not a plugin")
}

func (*echo) GRPCClient(_ context.Context, broker *plugin.GRPCBroker, conn *grpc.ClientConn) (interface{}, error) {
	return &dispensed{conn, broker}, nil
}

func main() {
	tls := flag.Bool("automtls", false, "use AutoMTLS")
	probe := flag.Bool("probe", false, "only ping: the plugin has services of its own")
	versions := flag.String("versions", "1,2", "application versions to offer")
	cookie := flag.String("cookie", "ECHO_PLUGIN_MAGIC_COOKIE=echo", "magic cookie, as KEY=VALUE")
	flag.Parse()
	seen, err := run(flag.Args(), *tls, *probe, *versions, *cookie)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(seen)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(command []string, tls, probe bool, versions, cookie string) (*report, error) {
	sets := map[int]plugin.PluginSet{}
	for _, version := range strings.Split(versions, ",") {
		number, err := strconv.Atoi(version)
		if err != nil {
			return nil, err
		}
		sets[number] = plugin.PluginSet{"echo": &echo{}}
	}
	key, value, _ := strings.Cut(cookie, "=")
	var log bytes.Buffer
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  plugin.HandshakeConfig{MagicCookieKey: key, MagicCookieValue: value},
		VersionedPlugins: sets,
		Cmd:              exec.Command(command[0], command[1:]...),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         tls,
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: &log, JSONFormat: true}),
	})
	defer client.Kill()
	protocol, err := client.Client()
	if err != nil {
		return nil, err
	}
	if err := protocol.Ping(); err != nil {
		return nil, fmt.Errorf("ping: %s", err)
	}
	raw, err := protocol.Dispense("echo")
	if err != nil {
		return nil, err
	}
	seen := &report{Version: client.NegotiatedVersion()}
	if !probe {
		if err := seen.try(raw.(*dispensed)); err != nil {
			return nil, err
		}
	}
	client.Kill()
	seen.Exited, seen.Log = client.Exited(), log.String()
	return seen, nil
}

func (seen *report) try(plugin *dispensed) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if seen.Said, err = say(ctx, plugin.conn, "Say", &wrappers.StringValue{Value: "hello"}); err != nil {
		return err
	}

	id := plugin.broker.NextId()
	var server *grpc.Server
	go plugin.broker.AcceptAndServe(id, func(options []grpc.ServerOption) *grpc.Server {
		server = grpc.NewServer(options...)
		server.RegisterService(&grpc.ServiceDesc{
			ServiceName: "interop.Echo",
			HandlerType: (*interface{})(nil),
			Methods:     []grpc.MethodDesc{{MethodName: "Say", Handler: answer}},
		}, struct{}{})
		return server
	})
	if seen.CalledBack, err = say(ctx, plugin.conn, "CallBack", &wrappers.UInt32Value{Value: id}); err != nil {
		return err
	}
	server.Stop()

	offered := new(wrappers.UInt32Value)
	if err := plugin.conn.Invoke(ctx, "/interop.Echo/Offer", &empty.Empty{}, offered); err != nil {
		return fmt.Errorf("offer: %s", err)
	}
	conn, err := plugin.broker.Dial(offered.Value)
	if err != nil {
		return fmt.Errorf("dial: %s", err)
	}
	defer conn.Close()
	seen.Offered, err = say(ctx, conn, "Say", &wrappers.StringValue{Value: "hello"})
	return err
}

func say(ctx context.Context, conn *grpc.ClientConn, method string, request interface{}) (string, error) {
	text := new(wrappers.StringValue)
	if err := conn.Invoke(ctx, "/interop.Echo/"+method, request, text); err != nil {
		return "", fmt.Errorf("%s: %s", method, err)
	}
	return text.Value, nil
}

func answer(_ interface{}, _ context.Context, decode func(interface{}) error, _ grpc.UnaryServerInterceptor) (interface{}, error) {
	text := new(wrappers.StringValue)
	if err := decode(text); err != nil {
		return nil, err
	}
	return &wrappers.StringValue{Value: "go 1.0 host: " + text.Value}, nil
}
