"""What turns a definition into an executor: `goplugin` is the link to any go-plugin host, `executor` the contract on top of it."""
