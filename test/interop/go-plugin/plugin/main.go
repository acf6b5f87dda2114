// A plugin made with hashicorp/go-plugin. Versions 1 and 2 are the same service under two names.
package main

import (
	"context"
	"encoding/json"
	"io"
	"os"

	"executor-host.test/interop/goplugin/echo"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
)

func main() {
	logger := hclog.New(&hclog.LoggerOptions{Name: "echo", Level: hclog.Trace, Output: os.Stderr, JSONFormat: true})
	set := func(name string) plugin.PluginSet {
		return plugin.PluginSet{"echo": &echo.Plugin{Service: &echo.Server{Name: name, Logger: logger}}}
	}
	config := &plugin.ServeConfig{
		HandshakeConfig:  echo.Handshake,
		VersionedPlugins: map[int]plugin.PluginSet{1: set("go v1"), 2: set("go v2")},
		GRPCServer:       plugin.DefaultGRPCServer,
		Logger:           logger,
	}
	if os.Getenv("ECHO_TEST_MODE") == "" {
		plugin.Serve(config)
	} else if err := serveInTestMode(config); err != nil {
		panic(err)
	}
	// Shows that the process came to its end in order.
	if path := os.Getenv("ECHO_FAREWELL_FILE"); path != "" {
		if err := os.WriteFile(path, []byte("bye"), 0o600); err != nil {
			os.Exit(1)
		}
	}
}

// serveInTestMode prints how to reattach, and serves until stdin ends.
func serveInTestMode(config *plugin.ServeConfig) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	attach := make(chan *plugin.ReattachConfig)
	closed := make(chan struct{})
	config.Test = &plugin.ServeTestConfig{Context: ctx, ReattachConfigCh: attach, CloseCh: closed}
	go plugin.Serve(config)
	info := <-attach
	err := json.NewEncoder(os.Stdout).Encode(map[string]any{
		"network": info.Addr.Network(), "address": info.Addr.String(), "pid": info.Pid, "version": info.ProtocolVersion, "test": info.Test,
	})
	if err != nil {
		return err
	}
	io.Copy(io.Discard, os.Stdin)
	cancel()
	<-closed
	return nil
}
