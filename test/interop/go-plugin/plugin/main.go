// A plugin made with hashicorp/go-plugin. Versions 1 and 2 are the same service under two names.
package main

import (
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
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  echo.Handshake,
		VersionedPlugins: map[int]plugin.PluginSet{1: set("go v1"), 2: set("go v2")},
		GRPCServer:       plugin.DefaultGRPCServer,
		Logger:           logger,
	})
	// Shows that the process came to its end in order.
	if path := os.Getenv("ECHO_FAREWELL_FILE"); path != "" {
		if err := os.WriteFile(path, []byte("bye"), 0o600); err != nil {
			os.Exit(1)
		}
	}
}
