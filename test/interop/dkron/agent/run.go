package main

import "executor-host.test/interop/dkron/contract"

// storedBytes is how much of a job's output is kept, its end.
const storedBytes = 256_000

type runRequest struct {
	Executor string            `json:"executor"`
	Job      string            `json:"job"`
	Config   map[string]string `json:"config"`
}

// update is output while the job runs.
type update struct {
	Output  []byte `json:"output"`
	IsError bool   `json:"isError"`
}

// execution is the end: what the executor said, and what is stored of it.
type execution struct {
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
	u.agent.answer(answer{Id: u.id, Update: &update{output, isError}})
	return 0, nil
}

func (a *agent) run(id int, request *runRequest) *execution {
	done := &execution{}
	var stored []byte
	if executor, found := a.executors[request.Executor]; found {
		job := &contract.ExecuteRequest{JobName: request.Job, Config: request.Config}
		response, err := executor.Execute(job, updates{a, id})
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
	return done
}
