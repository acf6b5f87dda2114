// Puts load on a host, as a scheduler written in Go would: reads requests from stdin, a JSON object per line, and answers each with one.
// An execution takes until its result is here; the end of its stream is read before the next one begins.
//
//	load ADDRESS
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	executorv1 "executor-host.test/clients/gen/executor/v1"
	hostv1 "executor-host.test/clients/gen/host/v1"
)

// request asks for the same execution Count times, Concurrency at once.
type request struct {
	ID          int               `json:"id"`
	Executor    string            `json:"executor"`
	Config      map[string]string `json:"config"`
	KeepBytes   *uint64           `json:"keepBytes"`
	Count       int               `json:"count"`
	Concurrency int               `json:"concurrency"`
}

type answer struct {
	ID          int     `json:"id"`
	Error       string  `json:"error,omitempty"`
	P50Ms       float64 `json:"p50Ms"`
	P99Ms       float64 `json:"p99Ms"`
	PerSecond   float64 `json:"perSecond"`
	ElapsedMs   float64 `json:"elapsedMs"`
	OutputBytes int     `json:"outputBytes"`
}

func main() {
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	host := hostv1.NewHostServiceClient(connection)
	answers := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var asked request
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			log.Fatal(err)
		}
		measured, err := measure(host, &asked)
		if err != nil {
			measured = &answer{Error: err.Error()}
		}
		measured.ID = asked.ID
		if err := answers.Encode(measured); err != nil {
			log.Fatal(err)
		}
	}
}

func measure(host hostv1.HostServiceClient, asked *request) (*answer, error) {
	spec := &hostv1.ExecutionSpec{
		Executor: asked.Executor,
		Config:   asked.Config,
		Limits:   &hostv1.Limits{MaxOutputBytes: asked.KeepBytes},
	}
	latencies := make([]float64, asked.Count)
	var outputBytes int
	var failure error
	var mutex sync.Mutex
	next := make(chan int, asked.Count)
	for index := range asked.Count {
		next <- index
	}
	close(next)
	begin := time.Now()
	var lanes sync.WaitGroup
	for range asked.Concurrency {
		lanes.Go(func() {
			for index := range next {
				started := time.Now()
				received, err := execute(host, spec, func() { latencies[index] = milliseconds(time.Since(started)) })
				mutex.Lock()
				outputBytes += received
				failure = errors.Join(failure, err)
				mutex.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	lanes.Wait()
	elapsed := time.Since(begin)
	if failure != nil {
		return nil, failure
	}
	slices.Sort(latencies)
	return &answer{
		P50Ms:       latencies[len(latencies)/2],
		P99Ms:       latencies[len(latencies)*99/100],
		PerSecond:   float64(asked.Count) / elapsed.Seconds(),
		ElapsedMs:   milliseconds(elapsed),
		OutputBytes: outputBytes,
	}, nil
}

// execute follows one execution to its end, says when the result is here, and returns the bytes of its output.
func execute(host hostv1.HostServiceClient, spec *hostv1.ExecutionSpec, onResult func()) (outputBytes int, err error) {
	stream, err := host.Execute(context.Background(), &hostv1.ExecuteRequest{Spec: spec})
	if err != nil {
		return 0, err
	}
	var result *executorv1.Result
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return outputBytes, err
		}
		for _, event := range response.Events {
			outputBytes += len(event.GetOutput().GetData())
			if event.GetResult() != nil {
				result = event.GetResult()
				onResult()
			}
		}
	}
	if result.GetOutcome() != executorv1.Outcome_OUTCOME_SUCCEEDED {
		return outputBytes, fmt.Errorf("execution ended %v: %v", result.GetOutcome(), result.GetMessage())
	}
	return outputBytes, nil
}

func milliseconds(duration time.Duration) float64 {
	return float64(duration.Nanoseconds()) / 1e6
}
