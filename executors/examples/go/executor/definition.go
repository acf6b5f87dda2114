package executor

import (
	"context"
	"fmt"

	pb "dkron-executor-checksum/gen/executor/v1"
)

// Definition is an executor: who it is, which config it takes, and what it does.
type Definition[C any] struct {
	// Name as jobs write it: lower-case letters, digits, _ and -.
	Name string
	// Version in semver.
	Version string
	// Summary in one sentence, for people.
	Summary string
	// Schema of the config: JSON Schema, draft 2020-12.
	Schema string
	// Idempotent: running the same execution id twice has the effect of running it once.
	Idempotent bool
	// MaxConcurrent executions in one process; 0 means no limit.
	MaxConcurrent int
	// Parse makes a typed config of a job's strings, or tells everything that is wrong with it. It touches nothing outside.
	Parse func(config map[string]string) (C, []*pb.Violation)
	// Execute does the work of one execution; it is called many times, also at the same time. When ctx is done, it must stop at once and
	// return an error, which then counts as CANCELLED. A *Failure says why it failed; any other error is FAILED with code INTERNAL.
	Execute func(ctx context.Context, run *Run, config C) (Report, error)
}

// Report is what is known of the work, whether it succeeded or not.
type Report struct {
	// Effect says whether something outside was changed. Leave it unset where nobody knows: a promise of NONE makes trying again safe.
	Effect pb.Effect
	// Evidence is proof of what happened: strings, numbers, booleans, lists and maps of them.
	Evidence map[string]any
}

// Failure is an error that tells programs what happened.
type Failure struct {
	// Code is a stable cause in upper-case snake case.
	Code string
	// Message in one line, for people, without secrets.
	Message string
	// Hint says what to do about it.
	Hint string
	// Retryability: would trying again help?
	Retryability pb.Retryability
}

func (f *Failure) Error() string { return f.Message }

// Quote shows a value in a message, the whole of it only if it is short.
func Quote(value string) string {
	const most = 100
	if characters := []rune(value); len(characters) > most {
		return fmt.Sprintf("%q...", string(characters[:most]))
	}
	return fmt.Sprintf("%q", value)
}
