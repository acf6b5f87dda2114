// An executor on Dkron's contract that does what its config says, for trying hosts. The era is chosen when it is built.
package main

import (
	"fmt"
	"os"

	"executor-host.test/interop/dkron/contract"
	"github.com/hashicorp/go-plugin"
)

// A key of contract.Eras: -ldflags '-X main.era=v4.0.9'.
var era string

type executor struct{}

// Execute gives failures as text and never as an error, as all of Dkron's executors do.
func (executor) Execute(request *contract.ExecuteRequest, helper contract.StatusHelper) (*contract.ExecuteResponse, error) {
	behave, known := behaviours[request.Config["do"]]
	if !known {
		return &contract.ExecuteResponse{Error: fmt.Sprintf("cannot do %q", request.Config["do"])}, nil
	}
	output, err := behave(&job{request, helper})
	response := &contract.ExecuteResponse{Output: output}
	if err != nil {
		response.Error = err.Error()
	}
	return response, nil
}

func main() {
	chosen, known := contract.Eras[era]
	if !known {
		fmt.Fprintf(os.Stderr, "built for no era of Dkron: %q\n", era)
		os.Exit(1)
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: contract.Handshake,
		Plugins: map[string]plugin.Plugin{
			contract.PluginName: &contract.ExecutorPlugin{Era: chosen, Executor: executor{}},
		},
		GRPCServer: plugin.DefaultGRPCServer,
	})
}
