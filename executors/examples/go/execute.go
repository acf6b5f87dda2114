package main

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"time"

	"dkron-executor-checksum/executor"
	pb "dkron-executor-checksum/gen/executor/v1"
)

var algorithms = map[string]func() hash.Hash{
	"md5":    md5.New,
	"sha1":   sha1.New,
	"sha256": sha256.New,
	"sha512": sha512.New,
}

// Between two chunks it is looked whether to stop.
const chunkBytes = 64 * 1024

// execute reads the files and prints their digests.
func execute(ctx context.Context, run *executor.Run, config config) (executor.Report, error) {
	nothing := executor.Report{Effect: pb.Effect_EFFECT_NONE}
	target := config.paths[0]
	if len(config.paths) > 1 {
		target = fmt.Sprintf("%d files", len(config.paths))
	}
	run.Started(target)

	// All of them before the first is read: what is missing is told at once.
	reading := &reading{run: run, limit: config.maxBytesPerSecond, startedAt: time.Now()}
	for _, path := range config.paths {
		size, err := sizeOf(path)
		if err != nil {
			return nothing, err
		}
		reading.total += size
	}

	var digest string
	for _, path := range config.paths {
		made := algorithms[config.algorithm]()
		if err := reading.read(ctx, path, made); err != nil {
			return nothing, err
		}
		digest = hex.EncodeToString(made.Sum(nil))
		if _, err := fmt.Fprintf(run.Stdout(), "%s  %s\n", digest, path); err != nil {
			return nothing, err
		}
	}

	report := executor.Report{Effect: pb.Effect_EFFECT_NONE, Evidence: map[string]any{
		"algorithm": config.algorithm,
		"files":     len(config.paths),
		"bytes":     reading.done,
	}}
	if len(config.paths) == 1 {
		report.Evidence["digest"] = digest
	}
	if config.expect != "" && config.expect != digest {
		return report, &executor.Failure{
			Code:         "DIGEST_MISMATCH",
			Message:      fmt.Sprintf("%s has the %s digest %s, not %s", target, config.algorithm, digest, config.expect),
			Retryability: pb.Retryability_RETRYABILITY_PERMANENT,
		}
	}
	reading.tell()
	return report, nil
}

// reading is how far a run has come with all of its files.
type reading struct {
	run       *executor.Run
	limit     int64
	startedAt time.Time

	total, done int64
	// What the last progress said, and when.
	toldDone int64
	toldAt   time.Time
}

// read puts one file into a digest.
func (r *reading) read(ctx context.Context, path string, into hash.Hash) error {
	file, err := os.Open(path)
	if err != nil {
		return fileFailure(path, err)
	}
	defer file.Close()
	chunk := make([]byte, chunkBytes)
	if r.limit > 0 {
		chunk = chunk[:min(chunkBytes, r.limit)]
	}
	for {
		if ctx.Err() != nil {
			return fmt.Errorf("stopped after %d of %d bytes", r.done, r.total)
		}
		count, err := file.Read(chunk)
		into.Write(chunk[:count])
		r.done += int64(count)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fileFailure(path, err)
		}
		r.tellSometimes()
		r.pause(ctx)
	}
}

// pause waits until as many bytes may have been read as have been, or until the run is stopped.
func (r *reading) pause(ctx context.Context) {
	if r.limit == 0 {
		return
	}
	due := r.startedAt.Add(time.Duration(float64(r.done) / float64(r.limit) * float64(time.Second)))
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// tellSometimes reports progress of a hundredth or more, once a second at most.
func (r *reading) tellSometimes() {
	if r.toldAt.IsZero() {
		r.toldAt = r.startedAt
	}
	if (r.done-r.toldDone)*100 >= r.total && time.Since(r.toldAt) >= time.Second {
		r.tell()
	}
}

func (r *reading) tell() {
	r.toldDone, r.toldAt = r.done, time.Now()
	fraction := 1.0
	if r.total > 0 {
		fraction = min(1, float64(r.done)/float64(r.total)) // a file may have grown meanwhile
	}
	message := fmt.Sprintf("%d of %d bytes", r.done, r.total)
	r.run.Progress(fraction, message, map[string]any{"bytesDone": r.done, "bytesTotal": r.total})
}

func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return 0, fileFailure(path, err)
	case info.IsDir():
		return 0, notAFile(path + " is a directory")
	case !info.Mode().IsRegular():
		return 0, notAFile(path + " is not a regular file")
	}
	return info.Size(), nil
}

func notAFile(message string) error {
	return &executor.Failure{Code: "NOT_A_FILE", Message: message, Retryability: pb.Retryability_RETRYABILITY_PERMANENT}
}

// fileFailure says for people and programs what the system said.
func fileFailure(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &executor.Failure{Code: "FILE_NOT_FOUND", Message: path + " does not exist"}
	case errors.Is(err, fs.ErrPermission):
		return &executor.Failure{
			Code:         "FILE_NOT_READABLE",
			Message:      path + " may not be read by this executor",
			Hint:         "Run it as a user who may read the file",
			Retryability: pb.Retryability_RETRYABILITY_PERMANENT,
		}
	}
	var system *fs.PathError
	if errors.As(err, &system) {
		err = system.Err
	}
	return &executor.Failure{
		Code:         "READ_FAILED",
		Message:      fmt.Sprintf("%s cannot be read: %v", path, err),
		Retryability: pb.Retryability_RETRYABILITY_RETRYABLE,
	}
}
