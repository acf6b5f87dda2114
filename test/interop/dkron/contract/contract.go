// Package contract is Dkron's contract between its agent and its executors, both sides of it, on HashiCorp's go-plugin: what Dkron's own
// plugin package does, written from the published contract, so that the same few lines build on the libraries of every era.
package contract

import (
	"context"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// Handshake is what both sides must agree on; it never changed.
var Handshake = plugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "DKRON_PLUGIN_MAGIC_COOKIE",
	MagicCookieValue: "b29a76488b6f3ca7955c5f769b50641f0fcd88748d8cedecda313d516320ca19",
}

// PluginName is the name that executors are dispensed by.
const PluginName = "executor"

// Era is what changed from one Dkron to another: names on the wire, not the messages behind them.
type Era struct {
	service string
	// The callback's service, empty where there was none.
	statusHelper string
	// failsByStatus is how executors told a failure before the answer had a field for it.
	failsByStatus bool
}

// Eras by a release of Dkron that is of it.
var Eras = map[string]Era{
	"v1.1.1": {service: "dkron.Executor", failsByStatus: true},
	"v2.0.6": {service: "dkron.Executor"},
	"v3.2.7": {service: "types.Executor", statusHelper: "types.StatusHelper"},
	"v4.0.9": {service: "types.v1.ExecutorService", statusHelper: "types.v1.StatusHelperService"},
}

// StatusHelper takes output while a job runs.
type StatusHelper interface {
	Update(output []byte, isError bool) (int64, error)
}

// Executor runs jobs. The helper discards everything in eras without a callback.
type Executor interface {
	Execute(request *ExecuteRequest, helper StatusHelper) (*ExecuteResponse, error)
}

// ExecutorPlugin is an executor as go-plugin wants it. An agent needs no Executor in it.
type ExecutorPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	Era      Era
	Executor Executor
}

// GRPCServer adds the executor to the server of its process.
func (p *ExecutorPlugin) GRPCServer(broker *plugin.GRPCBroker, server *grpc.Server) error {
	side := &pluginSide{p.Era, p.Executor, broker}
	server.RegisterService(unaryService(p.Era.service, "Execute", side.execute), side)
	return nil
}

// GRPCClient gives the agent what it calls.
func (p *ExecutorPlugin) GRPCClient(_ context.Context, broker *plugin.GRPCBroker, conn *grpc.ClientConn) (interface{}, error) {
	return &agentSide{p.Era, conn, broker}, nil
}
