package main

import "executor-host.test/interop/dkron/contract"

// storedBytes is how much of a job's output is kept, its end.
const storedBytes = 256_000

type runRequest struct {
	Id       int               `json:"id"`
	Executor string            `json:"executor"`
	Job      string            `json:"job"`
	Config   map[string]string `json:"config"`
}

// update is an answer: output while the job runs.
type update struct {
	Id      int    `json:"id"`
	Output  []byte `json:"output"`
	IsError bool   `json:"isError"`
}

// execution is the answer at the end: what the executor said, and what is stored of it.
type execution struct {
	Id      int    `json:"id"`
	Success bool   `json:"success"`
	Stored  []byte `json:"stored"`
	Output  []byte `json:"output"`
	Error   string `json:"error"`
	// Status is a gRPC error in place of an answer.
	Status string `json:"status"`
}

type updates struct {
	agent *agent
	id    int
}

func (u updates) Update(output []byte, isError bool) (int64, error) {
	u.agent.answer(update{u.id, output, isError})
	return 0, nil
}

func (a *agent) run(request *runRequest) {
	done := execution{Id: request.Id}
	var stored []byte
	if executor, found := a.executors[request.Executor]; found {
		job := &contract.ExecuteRequest{JobName: request.Job, Config: request.Config}
		response, err := executor.Execute(job, updates{a, request.Id})
		failure := ""
		if err != nil {
			done.Status = err.Error()
			failure = done.Status
			response = new(contract.ExecuteResponse)
		} else {
			failure = response.Error
		}
		done.Output, done.Error, done.Success = response.Output, response.Error, failure == ""
		if failure != "" {
			stored = []byte(failure + "\n")
		}
		stored = append(stored, response.Output...)
	} else {
		stored = []byte("no such executor is present")
	}
	done.Stored = stored[max(0, len(stored)-storedBytes):]
	a.answer(done)
}
