package main

import (
	"errors"
	"slices"
	"sync"
	"time"

	"executor-host.test/interop/dkron/contract"
)

// burstRequest asks for many executions, so many at once.
type burstRequest struct {
	Executor    string `json:"executor"`
	Count       int    `json:"count"`
	Concurrency int    `json:"concurrency"`
}

// startRequest asks for one execution in a process of its own, from the start of the process to the answer.
type startRequest struct {
	File string `json:"file"`
}

type measured struct {
	Error     string  `json:"error,omitempty"`
	P50Ms     float64 `json:"p50Ms"`
	P99Ms     float64 `json:"p99Ms"`
	PerSecond float64 `json:"perSecond"`
}

func (a *agent) burst(request *burstRequest) *measured {
	executor, found := a.executors[request.Executor]
	if !found {
		return &measured{Error: "no such executor: " + request.Executor}
	}
	return measure(request.Count, request.Concurrency, func() error {
		return executeOnce(executor)
	})
}

func (a *agent) start(request *startRequest) *measured {
	var executor *launched
	took := measure(1, 1, func() (err error) {
		if executor, err = launch(a.era, request.File); err != nil {
			return err
		}
		return executeOnce(executor)
	})
	if executor != nil {
		executor.client.Kill()
	}
	return took
}

func measure(count, concurrency int, doOnce func() error) *measured {
	var mutex sync.Mutex
	var latencies []float64
	var failure error
	begin := time.Now()
	next := make(chan struct{}, count)
	for range count {
		next <- struct{}{}
	}
	close(next)
	var lanes sync.WaitGroup
	for range concurrency {
		lanes.Go(func() {
			for range next {
				started := time.Now()
				err := doOnce()
				took := milliseconds(time.Since(started))
				mutex.Lock()
				latencies = append(latencies, took)
				if err != nil {
					failure = err
				}
				mutex.Unlock()
			}
		})
	}
	lanes.Wait()
	elapsed := time.Since(begin)
	if failure != nil {
		return &measured{Error: failure.Error()}
	}
	slices.Sort(latencies)
	return &measured{
		P50Ms:     latencies[len(latencies)/2],
		P99Ms:     latencies[len(latencies)*99/100],
		PerSecond: float64(count) / elapsed.Seconds(),
	}
}

func executeOnce(executor executor) error {
	response, err := executor.Execute(&contract.ExecuteRequest{JobName: "burst"}, ignored{})
	if err == nil && response.Error != "" {
		err = errors.New(response.Error)
	}
	return err
}

type ignored struct{}

func (ignored) Update([]byte, bool) (int64, error) { return 0, nil }

func milliseconds(duration time.Duration) float64 {
	return float64(duration.Nanoseconds()) / 1e6
}
