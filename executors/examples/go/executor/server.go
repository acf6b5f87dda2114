package executor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	pb "dkron-executor-checksum/gen/executor/v1"
	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

// server is the contract around a definition. Calls it does not have, Attach and Probe, answer UNIMPLEMENTED.
type server[C any] struct {
	pb.UnimplementedExecutorServiceServer
	definition Definition[C]

	mutex   sync.Mutex
	running map[key]context.CancelFunc
	ended   recent
}

// key names what runs: a host may start the next attempt before it has forgotten the last.
type key struct {
	id      string
	attempt uint32
}

func newServer[C any](definition Definition[C]) *server[C] {
	return &server[C]{definition: definition, running: map[key]context.CancelFunc{}}
}

func (s *server[C]) Describe(context.Context, *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	d := s.definition
	return &pb.DescribeResponse{
		Name:         d.Name,
		Version:      d.Version,
		Summary:      d.Summary,
		ConfigSchema: d.Schema,
		Capabilities: &pb.Capabilities{
			Cancel:                  true,
			Idempotent:              d.Idempotent,
			MaxConcurrentExecutions: uint32(d.MaxConcurrent),
		},
	}, nil
}

func (s *server[C]) Validate(_ context.Context, request *pb.ValidateRequest) (*pb.ValidateResponse, error) {
	_, violations := s.definition.Parse(request.Config)
	return &pb.ValidateResponse{Violations: violations}, nil
}

func (s *server[C]) Execute(request *pb.ExecuteRequest, stream grpc.ServerStreamingServer[pb.ExecuteResponse]) error {
	run := newRun(request, stream)
	result, err := s.result(stream.Context(), run)
	if err != nil {
		return err
	}
	return run.finish(result)
}

// result does the work and says how it ended. When it returns, the execution is no longer running.
func (s *server[C]) result(call context.Context, run *Run) (*pb.Result, error) {
	// Done when somebody cancels, when the call is dropped, and when the process ends.
	ctx, cancel := context.WithCancel(call)
	defer cancel()
	running := key{run.Request.ExecutionId, run.Request.Attempt}
	if err := s.enter(running, cancel); err != nil {
		return nil, err
	}
	defer s.leave(running)

	config, violations := s.definition.Parse(run.Request.Config)
	if len(violations) > 0 {
		return rejection(violations), nil
	}
	report, err := s.execute(ctx, run, config)
	return resultOf(report, err, ctx.Err() != nil), nil
}

func (s *server[C]) Cancel(_ context.Context, request *pb.CancelRequest) (*pb.CancelResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	disposition := pb.CancelDisposition_CANCEL_DISPOSITION_UNKNOWN
	if s.ended.has(request.ExecutionId) {
		disposition = pb.CancelDisposition_CANCEL_DISPOSITION_FINISHED
	}
	for running, cancel := range s.running {
		if running.id == request.ExecutionId {
			cancel()
			disposition = pb.CancelDisposition_CANCEL_DISPOSITION_STOPPING
		}
	}
	return &pb.CancelResponse{Disposition: disposition}, nil
}

func (s *server[C]) enter(running key, cancel context.CancelFunc) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, isRunning := s.running[running]; isRunning {
		return status.Errorf(codes.AlreadyExists, "attempt %d of execution %s is running already", running.attempt, running.id)
	}
	if most := s.definition.MaxConcurrent; most > 0 && len(s.running) >= most {
		return status.Errorf(codes.ResourceExhausted, "%d executions are running, which is the most", most)
	}
	s.running[running] = cancel
	return nil
}

func (s *server[C]) leave(running key) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.running, running)
	s.ended.add(running.id)
}

// execute calls the executor's own code. A panic in it ends one execution, not the process with all the others.
func (s *server[C]) execute(ctx context.Context, run *Run, config C) (report Report, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			hclog.Default().Error("execute panicked", "cause", cause, "stack", hclog.Stacktrace())
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	return s.definition.Execute(ctx, run, config)
}

func rejection(violations []*pb.Violation) *pb.Result {
	var words []string
	for _, violation := range violations {
		words = append(words, violation.Field+" "+violation.Message)
	}
	return &pb.Result{
		Outcome:      pb.Outcome_OUTCOME_REJECTED,
		Code:         "CONFIG_INVALID",
		Message:      oneLine("invalid config: " + strings.Join(words, "; ")),
		Hint:         violations[0].Hint,
		Retryability: pb.Retryability_RETRYABILITY_PERMANENT,
		Effect:       pb.Effect_EFFECT_NONE,
		Violations:   violations,
	}
}

// resultOf says in the contract's words how it ended.
func resultOf(report Report, err error, isStopped bool) *pb.Result {
	result := &pb.Result{Outcome: pb.Outcome_OUTCOME_SUCCEEDED, Effect: report.Effect}
	if report.Evidence != nil {
		evidence, invalid := structpb.NewStruct(report.Evidence)
		if invalid != nil {
			result.Warnings = append(result.Warnings, "the evidence could not be sent: "+invalid.Error())
		}
		result.Evidence = evidence
	}
	var failure *Failure
	switch {
	case err == nil:
		return result
	case isStopped:
		result.Outcome, result.Code = pb.Outcome_OUTCOME_CANCELLED, "CANCELLED"
	case errors.As(err, &failure):
		result.Outcome, result.Code, result.Hint = pb.Outcome_OUTCOME_FAILED, failure.Code, failure.Hint
		result.Retryability = failure.Retryability
	default:
		result.Outcome, result.Code = pb.Outcome_OUTCOME_FAILED, "INTERNAL"
	}
	result.Message = oneLine(err.Error())
	return result
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
