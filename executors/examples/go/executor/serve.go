// Package executor serves one executor to its host: by the native contract, over go-plugin. It knows nothing of what the executor does.
package executor

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	pb "dkron-executor-checksum/gen/executor/v1"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// nativeVersion is the go-plugin application version of the native contract; 1 would be Dkron's.
const nativeVersion = 2

// handshake is how hosts and executors recognise each other. It is not a secret.
var handshake = plugin.HandshakeConfig{
	MagicCookieKey:   "DKRON_PLUGIN_MAGIC_COOKIE",
	MagicCookieValue: "b29a76488b6f3ca7955c5f769b50641f0fcd88748d8cedecda313d516320ca19",
}

// How often to look whether the parent process is still the same, where the host gives no lifeline.
const parentPoll = 500 * time.Millisecond

// Serve is the whole of an executor's main function. It returns when the process shall end.
func Serve[C any](definition Definition[C]) {
	server := newServer(definition)
	var link atomic.Pointer[grpc.Server]
	go func() {
		waitForEnd()
		// Calls are dropped, which stops what runs, and the socket goes.
		if running := link.Load(); running != nil {
			running.Stop()
		}
	}()
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  handshake,
		VersionedPlugins: map[int]plugin.PluginSet{nativeVersion: {"executor": &registration{server: server}}},
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			running := grpc.NewServer(append(options, grpc.MaxRecvMsgSize(math.MaxInt32))...)
			link.Store(running)
			return running
		},
		Logger: hclog.New(&hclog.LoggerOptions{Name: definition.Name, Level: hclog.Info, JSONFormat: true}),
	})
}

// waitForEnd returns on SIGTERM or SIGHUP, or when the host is gone. SIGINT, which a terminal sends to everybody, is left to the host.
func waitForEnd() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP)
	select {
	case <-signals:
	case <-hostGone():
	}
}

// hostGone notices that the host has ended, however it did. A host that offers it holds the other end of stdin.
func hostGone() <-chan struct{} {
	gone := make(chan struct{})
	lifeline, parent := os.Getenv("EXECUTOR_HOST_LIFELINE"), os.Getppid()
	go func() {
		defer close(gone)
		if lifeline == "stdin" {
			_, _ = io.Copy(io.Discard, os.Stdin)
			return
		}
		for os.Getppid() == parent {
			time.Sleep(parentPoll)
		}
	}()
	return gone
}

// registration puts the executor's service beside those that go-plugin serves by itself.
type registration struct {
	plugin.NetRPCUnsupportedPlugin
	server pb.ExecutorServiceServer
}

func (r *registration) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	pb.RegisterExecutorServiceServer(server, r.server)
	return nil
}

func (r *registration) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("this is the executor, not its host")
}
