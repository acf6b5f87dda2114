// A host that treats executors as Dkron's agent does: it finds them by name in its plugins directories, starts each once, keeps it for all
// jobs, and stores what it would store. Jobs come as JSON, one per line of its input, and so does what becomes of them; it ends with its input.
// Logs, and what executors print, go to stderr. The era is chosen when it is built.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"

	"executor-host.test/interop/dkron/contract"
	"github.com/hashicorp/go-plugin"
)

// A key of contract.Eras: -ldflags '-X main.era=v4.0.9'.
var era string

// request is a line of the input: an id, and one of the others.
type request struct {
	Id    int           `json:"id"`
	Run   *runRequest   `json:"run"`
	Burst *burstRequest `json:"burst"`
	Start *startRequest `json:"start"`
}

func main() {
	chosen, known := contract.Eras[era]
	if !known {
		fmt.Fprintf(os.Stderr, "built for no era of Dkron: %q\n", era)
		os.Exit(1)
	}
	agent := &agent{era: chosen, answers: json.NewEncoder(os.Stdout)}
	err := agent.serve(os.Args[1:])
	plugin.CleanupClients()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// answer is a line of the output: the id of the request, and one of the others.
type answer struct {
	Id        int        `json:"id"`
	Update    *update    `json:"update,omitempty"`
	Execution *execution `json:"execution,omitempty"`
	Measured  *measured  `json:"measured,omitempty"`
}

type agent struct {
	era       contract.Era
	executors map[string]*launched
	mutex     sync.Mutex
	answers   *json.Encoder
}

func (a *agent) serve(directories []string) error {
	executors, err := discover(a.era, directories)
	if err != nil {
		return err
	}
	a.executors = executors
	pids := map[string]int{}
	for name, executor := range executors {
		pids[name] = executor.client.ReattachConfig().Pid
	}
	a.answer(map[string]any{"executors": pids})
	var jobs sync.WaitGroup
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var request request
		decoder := json.NewDecoder(strings.NewReader(lines.Text()))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&request); err != nil {
			return fmt.Errorf("line not understood: %w", err)
		}
		jobs.Go(func() { a.handle(request) })
	}
	jobs.Wait()
	return lines.Err()
}

func (a *agent) handle(request request) {
	switch {
	case request.Run != nil:
		a.answer(answer{Id: request.Id, Execution: a.run(request.Id, request.Run)})
	case request.Burst != nil:
		a.answer(answer{Id: request.Id, Measured: a.burst(request.Burst)})
	case request.Start != nil:
		a.answer(answer{Id: request.Id, Measured: a.start(request.Start)})
	}
}

func (a *agent) answer(line any) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if err := a.answers.Encode(line); err != nil {
		panic(err)
	}
}
