package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"executor-host.test/interop/dkron/contract"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
)

type executor interface {
	Execute(*contract.ExecuteRequest, contract.StatusHelper) (*contract.ExecuteResponse, error)
}

// launched is an executor with its process.
type launched struct {
	executor
	client *plugin.Client
}

// discover starts every file named dkron-executor-*, one after the other; of two with one name, the later stays. One that does not start
// ends it all.
func discover(era contract.Era, directories []string) (map[string]*launched, error) {
	found := map[string]*launched{}
	for _, directory := range directories {
		files, err := plugin.Discover("dkron-executor-*", directory)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			parts := strings.SplitN(filepath.Base(file), "-", 3)
			executor, err := launch(era, file)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			found[strings.TrimSuffix(parts[2], ".exe")] = executor
		}
	}
	return found, nil
}

// launch hands the executor this process's whole environment, and asks for neither TLS nor multiplexing.
func launch(era contract.Era, file string) (*launched, error) {
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  contract.Handshake,
		Plugins:          map[string]plugin.Plugin{contract.PluginName: &contract.ExecutorPlugin{Era: era}},
		Cmd:              exec.Command(file),
		Managed:          true,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		SyncStdout:       os.Stderr,
		SyncStderr:       os.Stderr,
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: os.Stderr}),
	})
	protocol, err := client.Client()
	if err != nil {
		return nil, err
	}
	dispensed, err := protocol.Dispense(contract.PluginName)
	if err != nil {
		return nil, err
	}
	return &launched{dispensed.(executor), client}, nil
}
