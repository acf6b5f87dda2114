package contract

import (
	"context"

	"google.golang.org/grpc"
)

// unaryService describes a service of one method, which is all there ever is here.
func unaryService[Request, Response any](service, method string, handle func(context.Context, *Request) (*Response, error)) *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: service,
		HandlerType: (*interface{})(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: method,
			Handler: func(_ interface{}, ctx context.Context, decode func(interface{}) error, _ grpc.UnaryServerInterceptor) (interface{}, error) {
				request := new(Request)
				if err := decode(request); err != nil {
					return nil, err
				}
				response, err := handle(ctx, request)
				if err != nil {
					return nil, err
				}
				return response, nil
			},
		}},
	}
}
