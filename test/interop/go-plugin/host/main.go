// A host made with hashicorp/go-plugin: launches a plugin or reattaches to one, tries everything, and prints what it saw as JSON.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"executor-host.test/interop/goplugin/echo"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

type report struct {
	Version    int         `json:"version"`
	Said       string      `json:"said"`
	Asked      string      `json:"asked"`
	Streamed   []uint32    `json:"streamed"`
	CalledBack []string    `json:"calledBack"`
	Offered    []string    `json:"offered"`
	Stdout     string      `json:"stdout"`
	Stderr     string      `json:"stderr"`
	Raw        string      `json:"raw"`
	Log        string      `json:"log"`
	Pid        int         `json:"pid"`
	Network    string      `json:"network"`
	Address    string      `json:"address"`
	SocketMode os.FileMode `json:"socketMode"`
	Exited     bool        `json:"exited"`
	PingAfter  string      `json:"pingAfter"`
}

type options struct {
	tls, mux, hang, probe, skipHostEnv bool
	versions, ask, cookie              string
	group, sha256, reattach            string
	command                            []string
}

func main() {
	var o options
	flag.BoolVar(&o.tls, "automtls", false, "use AutoMTLS")
	flag.BoolVar(&o.mux, "multiplex", false, "ask for broker multiplexing")
	flag.BoolVar(&o.hang, "hang", false, "launch, print the report, and sleep")
	flag.BoolVar(&o.probe, "probe", false, "only ping: the plugin has services of its own")
	flag.BoolVar(&o.skipHostEnv, "skip-host-env", false, "keep the environment from the plugin")
	flag.StringVar(&o.versions, "versions", "1,2", "application versions to offer")
	flag.StringVar(&o.ask, "ask", "", "a text to say, whose answer is reported")
	flag.StringVar(&o.cookie, "cookie", "", "another magic cookie, as KEY=VALUE")
	flag.StringVar(&o.group, "group", "", "group of the sockets")
	flag.StringVar(&o.sha256, "sha256", "", "checksum of the command's file")
	flag.StringVar(&o.reattach, "reattach", "", "reattach in place of launching: {network, address, pid, version, test} as JSON")
	flag.Parse()
	o.command = flag.Args()
	seen, err := run(o)
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

func configure(o options) (*plugin.ClientConfig, error) {
	config := &plugin.ClientConfig{
		HandshakeConfig:     echo.Handshake,
		VersionedPlugins:    map[int]plugin.PluginSet{},
		AllowedProtocols:    []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:            o.tls,
		GRPCBrokerMultiplex: o.mux,
		SkipHostEnv:         o.skipHostEnv,
	}
	set := plugin.PluginSet{"echo": &echo.Plugin{}}
	if o.reattach != "" {
		attach, err := parseReattach(o.reattach)
		if err != nil {
			return nil, err
		}
		config.Reattach = attach
		config.Plugins = set
		config.ProtocolVersion = uint(attach.ProtocolVersion)
	} else {
		config.Cmd = exec.Command(o.command[0], o.command[1:]...)
		for version := range strings.SplitSeq(o.versions, ",") {
			number, err := strconv.Atoi(version)
			if err != nil {
				return nil, err
			}
			config.VersionedPlugins[number] = set
		}
	}
	if key, value, ok := strings.Cut(o.cookie, "="); ok {
		config.MagicCookieKey, config.MagicCookieValue = key, value
	}
	if o.group != "" {
		config.UnixSocketConfig = &plugin.UnixSocketConfig{Group: o.group}
	}
	if o.sha256 != "" {
		checksum, err := hex.DecodeString(o.sha256)
		if err != nil {
			return nil, err
		}
		config.SecureConfig = &plugin.SecureConfig{Checksum: checksum, Hash: sha256.New()}
	}
	return config, nil
}

func parseReattach(text string) (*plugin.ReattachConfig, error) {
	var info struct {
		Network, Address string
		Pid, Version     int
		Test             bool
	}
	if err := json.Unmarshal([]byte(text), &info); err != nil {
		return nil, err
	}
	var address net.Addr = &net.UnixAddr{Net: "unix", Name: info.Address}
	if info.Network == "tcp" {
		tcp, err := net.ResolveTCPAddr("tcp", info.Address)
		if err != nil {
			return nil, err
		}
		address = tcp
	}
	return &plugin.ReattachConfig{
		Protocol: plugin.ProtocolGRPC, ProtocolVersion: info.Version, Addr: address, Pid: info.Pid, Test: info.Test,
	}, nil
}

func run(o options) (*report, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var stdout, stderr, raw, log bytes.Buffer
	config, err := configure(o)
	if err != nil {
		return nil, err
	}
	config.SyncStdout, config.SyncStderr, config.Stderr = &stdout, &stderr, &raw
	config.Logger = hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: &log, JSONFormat: true})
	client := plugin.NewClient(config)
	defer client.Kill()
	protocol, err := client.Client()
	if err != nil {
		return nil, err
	}
	for range 2 {
		if err := protocol.Ping(); err != nil {
			return nil, fmt.Errorf("ping: %w", err)
		}
	}
	dispensed, err := protocol.Dispense("echo")
	if err != nil {
		return nil, err
	}
	seen := &report{Version: client.NegotiatedVersion()}
	attach := client.ReattachConfig()
	seen.Pid, seen.Network, seen.Address = attach.Pid, attach.Addr.Network(), attach.Addr.String()
	if info, err := os.Stat(seen.Address); err == nil {
		seen.SocketMode = info.Mode().Perm()
	}
	if o.hang {
		print(seen)
		time.Sleep(time.Minute)
	}
	if !o.probe {
		if err := seen.try(ctx, dispensed.(*echo.Dispensed), o.ask); err != nil {
			return nil, err
		}
		seen.waitForOutput(&stdout, &stderr)
	}
	client.Kill()
	if err := protocol.Ping(); err != nil {
		seen.PingAfter = err.Error()
	}
	seen.Exited = client.Exited()
	seen.Stdout, seen.Stderr, seen.Raw, seen.Log = stdout.String(), stderr.String(), raw.String(), log.String()
	return seen, nil
}

func (seen *report) waitForOutput(stdout, stderr *bytes.Buffer) {
	// stdout and stderr come over a stream of their own.
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if strings.HasSuffix(stdout.String(), "end") && strings.HasSuffix(stderr.String(), "end") {
			break
		}
	}
}

func (seen *report) try(ctx context.Context, plugin *echo.Dispensed, ask string) error {
	said, err := plugin.Say(ctx, "hello")
	if err != nil {
		return fmt.Errorf("say: %w", err)
	}
	seen.Said = said.Value
	if seen.Streamed, err = plugin.Stream(ctx, 21, 22, 23, 24, 25, 26); err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	if ask != "" {
		answer, err := plugin.Say(ctx, ask)
		if err != nil {
			return fmt.Errorf("ask: %w", err)
		}
		seen.Asked = answer.Value
	}
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
