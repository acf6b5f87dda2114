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
	Executor    string            `json:"executor"`
	Config      map[string]string `json:"config"`
	Count       int               `json:"count"`
	Concurrency int               `json:"concurrency"`
}

// startRequest asks for one execution in a process of its own: started, used once, ended.
type startRequest struct {
	File   string            `json:"file"`
	Config map[string]string `json:"config"`
}

type measured struct {
	Error     string  `json:"error,omitempty"`
	P50Ms     float64 `json:"p50Ms"`
	P99Ms     float64 `json:"p99Ms"`
	PerSecond float64 `json:"perSecond"`
}

func (a *agent) burst(request *burstRequest) {
	executor, found := a.executors[request.Executor]
	if !found {
		a.answer(measured{Error: "no such executor: " + request.Executor})
		return
	}
	a.answer(measure(request.Count, request.Concurrency, func() error {
		return executeOnce(executor, request.Config)
	}))
}

func (a *agent) start(request *startRequest) {
	a.answer(measure(1, 1, func() error {
		executor, err := launch(a.era, request.File)
		if err != nil {
			return err
		}
		defer executor.client.Kill()
		return executeOnce(executor, request.Config)
	}))
}

func measure(count, concurrency int, doOnce func() error) measured {
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
		return measured{Error: failure.Error()}
	}
	slices.Sort(latencies)
	return measured{
		P50Ms:     latencies[len(latencies)/2],
		P99Ms:     latencies[len(latencies)*99/100],
		PerSecond: float64(count) / elapsed.Seconds(),
	}
}

func executeOnce(executor executor, config map[string]string) error {
	response, err := executor.Execute(&contract.ExecuteRequest{JobName: "burst", Config: config}, ignored{})
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
