package executor

import (
	"sync"
	"time"

	pb "dkron-executor-checksum/gen/executor/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	// What one output event may hold.
	maxOutputBytes = 64 * 1024
	// How long a host may hear nothing.
	heartbeat = 5 * time.Second
)

// Run is one execution, as the executor sees it. Its methods may be called from several goroutines. What cannot be sent, as the host is gone, is
// dropped: the context of the execution is done then.
type Run struct {
	// ID is the host's name of the execution: the idempotency key, for targets that know such a thing.
	ID string
	// Request is all that the host said.
	Request *pb.ExecuteRequest

	mutex    sync.Mutex
	stream   grpc.ServerStreamingServer[pb.ExecuteResponse]
	sequence uint64
	offsets  map[pb.Channel]uint64
	beat     *time.Timer
	over     bool
}

func newRun(request *pb.ExecuteRequest, stream grpc.ServerStreamingServer[pb.ExecuteResponse]) *Run {
	return &Run{ID: request.ExecutionId, Request: request, stream: stream, offsets: map[pb.Channel]uint64{}}
}

// Started says that the work begins, and what it is, for people. It must come before output and progress.
func (r *Run) Started(target string) {
	r.send(&pb.Event{Kind: &pb.Event_Started{Started: &pb.Started{Target: target}}})
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.beat == nil {
		r.beat = time.AfterFunc(heartbeat, func() {
			r.send(&pb.Event{Kind: &pb.Event_Heartbeat{Heartbeat: &pb.Heartbeat{}}})
		})
	}
}

// Stdout takes what the work produces, byte by byte as it is. It waits for a reader that is slow.
func (r *Run) Stdout() *Output { return &Output{run: r, channel: pb.Channel_CHANNEL_STDOUT} }

// Stderr is the other channel.
func (r *Run) Stderr() *Output { return &Output{run: r, channel: pb.Channel_CHANNEL_STDERR} }

// Progress tells how far the work has come: a fraction of 1, words for people, details for programs.
func (r *Run) Progress(fraction float64, message string, details map[string]any) {
	fields, err := structpb.NewStruct(details)
	if err != nil {
		fields = nil // a value that JSON does not know: the rest still counts
	}
	r.send(&pb.Event{Kind: &pb.Event_Progress{
		Progress: &pb.Progress{Fraction: &fraction, Message: message, Details: fields},
	}})
}

// Output is one channel of a run; an io.Writer.
type Output struct {
	run     *Run
	channel pb.Channel
}

func (o *Output) Write(data []byte) (int, error) {
	for rest := data; len(rest) > 0; {
		part := rest[:min(len(rest), maxOutputBytes)]
		if err := o.run.write(o.channel, part); err != nil {
			return len(data) - len(rest), err
		}
		rest = rest[len(part):]
	}
	return len(data), nil
}

func (r *Run) write(channel pb.Channel, data []byte) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	offset := r.offsets[channel]
	r.offsets[channel] += uint64(len(data))
	return r.sendLocked(&pb.Event{Kind: &pb.Event_Output{
		Output: &pb.Output{Channel: channel, Offset: offset, Data: data},
	}})
}

// finish sends the result, after which nothing else may come.
func (r *Run) finish(result *pb.Result) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	err := r.sendLocked(&pb.Event{Kind: &pb.Event_Result{Result: result}})
	r.over = true
	if r.beat != nil {
		r.beat.Stop()
	}
	return err
}

func (r *Run) send(event *pb.Event) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	_ = r.sendLocked(event) // the context tells
}

// sendLocked numbers an event and sends it. It waits while the host does not read.
func (r *Run) sendLocked(event *pb.Event) error {
	if r.over {
		return nil
	}
	r.sequence++
	event.Sequence, event.Time = r.sequence, timestamppb.Now()
	err := r.stream.Send(&pb.ExecuteResponse{Events: []*pb.Event{event}})
	if r.beat != nil {
		r.beat.Reset(heartbeat)
	}
	return err
}
