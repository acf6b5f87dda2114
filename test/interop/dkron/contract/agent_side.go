package contract

import (
	"context"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// agentSide calls an executor.
type agentSide struct {
	era    Era
	conn   *grpc.ClientConn
	broker *plugin.GRPCBroker
}

// Execute opens a callback of its own for every call, and has neither a deadline nor a way to cancel.
func (s *agentSide) Execute(request *ExecuteRequest, helper StatusHelper) (*ExecuteResponse, error) {
	if s.era.statusHelper != "" {
		id := s.broker.NextId()
		server := s.serve(id, helper)
		if server != nil {
			defer server.Stop()
		}
		request.StatusServer = id
	}
	response := new(ExecuteResponse)
	if err := s.conn.Invoke(context.Background(), "/"+s.era.service+"/Execute", request, response); err != nil {
		return nil, err
	}
	return response, nil
}

// serve returns when the callback has been announced or cannot be; then there is none.
func (s *agentSide) serve(id uint32, helper StatusHelper) *grpc.Server {
	made := make(chan *grpc.Server, 2)
	go func() {
		s.broker.AcceptAndServe(id, func(options []grpc.ServerOption) *grpc.Server {
			server := grpc.NewServer(options...)
			update := func(_ context.Context, request *statusUpdateRequest) (*statusUpdateResponse, error) {
				r, err := helper.Update(request.Output, request.Error)
				return &statusUpdateResponse{R: r}, err
			}
			server.RegisterService(unaryService(s.era.statusHelper, "Update", update), helper)
			made <- server
			return server
		})
		made <- nil
	}()
	return <-made
}
