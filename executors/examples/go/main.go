package main

import "dkron-executor-checksum/executor"

func main() {
	executor.Serve(executor.Definition[config]{
		Name:          "checksum",
		Version:       "1.0.0",
		Summary:       "Computes and compares digests of files",
		Schema:        schema,
		Idempotent:    true,
		MaxConcurrent: 16,
		Parse:         parse,
		Execute:       execute,
	})
}
