package contract

import "fmt"

// The messages by hand: every protobuf library since 2018 reads these tags, and no generated code works with all of them.

// ExecuteRequest is a job.
type ExecuteRequest struct {
	JobName string            `protobuf:"bytes,1,opt,name=job_name,json=jobName,proto3"`
	Config  map[string]string `protobuf:"bytes,2,rep,name=config,proto3" protobuf_key:"bytes,1,opt,name=key,proto3" protobuf_val:"bytes,2,opt,name=value,proto3"`
	// StatusServer is the broker's id of the callback.
	StatusServer uint32 `protobuf:"varint,3,opt,name=status_server,json=statusServer,proto3"`
}

// ExecuteResponse is what became of it; an empty error means success.
type ExecuteResponse struct {
	Output []byte `protobuf:"bytes,1,opt,name=output,proto3"`
	Error  string `protobuf:"bytes,2,opt,name=error,proto3"`
}

type statusUpdateRequest struct {
	Output []byte `protobuf:"bytes,2,opt,name=output,proto3"`
	Error  bool   `protobuf:"varint,3,opt,name=error,proto3"`
}

type statusUpdateResponse struct {
	R int64 `protobuf:"varint,1,opt,name=r,proto3"`
}

func (m *ExecuteRequest) Reset()         { *m = ExecuteRequest{} }
func (m *ExecuteRequest) String() string { return fmt.Sprintf("job %s", m.JobName) }
func (*ExecuteRequest) ProtoMessage()    {}

func (m *ExecuteResponse) Reset()         { *m = ExecuteResponse{} }
func (m *ExecuteResponse) String() string { return fmt.Sprintf("%d bytes, %q", len(m.Output), m.Error) }
func (*ExecuteResponse) ProtoMessage()    {}

func (m *statusUpdateRequest) Reset()         { *m = statusUpdateRequest{} }
func (m *statusUpdateRequest) String() string { return fmt.Sprintf("%d bytes", len(m.Output)) }
func (*statusUpdateRequest) ProtoMessage()    {}

func (m *statusUpdateResponse) Reset()         { *m = statusUpdateResponse{} }
func (m *statusUpdateResponse) String() string { return fmt.Sprint(m.R) }
func (*statusUpdateResponse) ProtoMessage()    {}
