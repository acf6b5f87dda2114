// A host made with hashicorp/go-plugin: launches a plugin, tries everything once, and prints what it saw as JSON.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"executor-host.test/interop/goplugin/echo"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

type report struct {
	Version    int      `json:"version"`
	Said       string   `json:"said"`
	CalledBack []string `json:"calledBack"`
	Offered    []string `json:"offered"`
	Stdout     string   `json:"stdout"`
	Stderr     string   `json:"stderr"`
	Log        string   `json:"log"`
	Pid        int      `json:"pid"`
	Address    string   `json:"address"`
	Exited     bool     `json:"exited"`
	StopMs     int64    `json:"stopMs"`
}

func main() {
	tls := flag.Bool("automtls", false, "use AutoMTLS")
	mux := flag.Bool("multiplex", false, "ask for broker multiplexing")
	versions := flag.Int("versions", 2, "offer versions 1 to this one")
	hang := flag.Bool("hang", false, "launch, print the report, and sleep")
	flag.Parse()
	seen, err := run(flag.Args(), *tls, *mux, *versions, *hang)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	print(seen)
}

func print(seen *report) {
	if err := json.NewEncoder(os.Stdout).Encode(seen); err != nil {
		panic(err)
	}
}

func run(command []string, tls, mux bool, versions int, hang bool) (*report, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var stdout, stderr, log bytes.Buffer
	sets := map[int]plugin.PluginSet{}
	for version := 1; version <= versions; version++ {
		sets[version] = plugin.PluginSet{"echo": &echo.Plugin{}}
	}
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:     echo.Handshake,
		VersionedPlugins:    sets,
		Cmd:                 exec.Command(command[0], command[1:]...),
		AllowedProtocols:    []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:            tls,
		GRPCBrokerMultiplex: mux,
		SyncStdout:          &stdout,
		SyncStderr:          &stderr,
		Logger:              hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: &log, JSONFormat: true}),
	})
	defer client.Kill()
	protocol, err := client.Client()
	if err != nil {
		return nil, err
	}
	if err := protocol.Ping(); err != nil {
		return nil, fmt.Errorf("ping: %w", err)
	}
	dispensed, err := protocol.Dispense("echo")
	if err != nil {
		return nil, err
	}
	seen := &report{Version: client.NegotiatedVersion()}
	config := client.ReattachConfig()
	seen.Pid, seen.Address = config.Pid, config.Addr.String()
	if hang {
		print(seen)
		time.Sleep(time.Minute)
	}
	if err := seen.try(ctx, dispensed.(*echo.Dispensed)); err != nil {
		return nil, err
	}
	// stdout and stderr come over a stream of their own.
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if strings.HasSuffix(stdout.String(), "end") && strings.HasSuffix(stderr.String(), "end") {
			break
		}
	}
	start := time.Now()
	client.Kill()
	seen.StopMs = time.Since(start).Milliseconds()
	seen.Exited = client.Exited()
	seen.Stdout, seen.Stderr, seen.Log = stdout.String(), stderr.String(), log.String()
	return seen, nil
}

func (seen *report) try(ctx context.Context, plugin *echo.Dispensed) error {
	said, err := plugin.Say(ctx, "hello")
	if err != nil {
		return fmt.Errorf("say: %w", err)
	}
	seen.Said = said.Value
	for range 2 {
		if err := seen.tryBroker(ctx, plugin); err != nil {
			return err
		}
	}
	if _, err := plugin.Print(ctx, "text without a line feed, then the end"); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if _, err := plugin.Log(ctx, "noted"); err != nil {
		return fmt.Errorf("log: %w", err)
	}
	return nil
}

func (seen *report) tryBroker(ctx context.Context, plugin *echo.Dispensed) error {
	id := plugin.Broker.NextId()
	var server *grpc.Server
	go plugin.Broker.AcceptAndServe(id, func(options []grpc.ServerOption) *grpc.Server {
		server = grpc.NewServer(options...)
		echo.Register(server, &echo.Server{Name: "go host"})
		return server
	})
	calledBack, err := plugin.CallBack(ctx, id)
	if err != nil {
		return fmt.Errorf("call back: %w", err)
	}
	server.Stop()
	seen.CalledBack = append(seen.CalledBack, calledBack.Value)

	offered, err := plugin.Offer(ctx)
	if err != nil {
		return fmt.Errorf("offer: %w", err)
	}
	conn, err := plugin.Broker.Dial(offered.Value)
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	defer conn.Close()
	answer, err := echo.NewClient(conn).Say(ctx, "hello")
	if err != nil {
		return fmt.Errorf("say to what was offered: %w", err)
	}
	seen.Offered = append(seen.Offered, answer.Value)
	return nil
}
