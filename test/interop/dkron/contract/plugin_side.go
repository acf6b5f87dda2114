package contract

import (
	"context"
	"errors"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// pluginSide serves an executor.
type pluginSide struct {
	era      Era
	executor Executor
	broker   *plugin.GRPCBroker
}

// execute reaches the callback before any work, and fails without it. Nothing tells the executor that the call was dropped.
func (s *pluginSide) execute(_ context.Context, request *ExecuteRequest) (*ExecuteResponse, error) {
	var helper StatusHelper = deaf{}
	if s.era.statusHelper != "" {
		conn, err := s.broker.Dial(request.StatusServer)
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		helper = &statusHelperClient{conn, s.era.statusHelper}
	}
	response, err := s.executor.Execute(request, helper)
	if err == nil && s.era.failsByStatus && response.Error != "" {
		return nil, errors.New(response.Error)
	}
	return response, err
}

// statusHelperClient sends output to the agent, without a limit in time.
type statusHelperClient struct {
	conn    *grpc.ClientConn
	service string
}

func (c *statusHelperClient) Update(output []byte, isError bool) (int64, error) {
	response := new(statusUpdateResponse)
	request := &statusUpdateRequest{Output: output, Error: isError}
	err := c.conn.Invoke(context.Background(), "/"+c.service+"/Update", request, response)
	return response.R, err
}

type deaf struct{}

func (deaf) Update([]byte, bool) (int64, error) { return 0, nil }
