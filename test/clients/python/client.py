"""Runs a job through a host, and prints what happens while it happens: one JSON object per line.

Knows nothing of the host but its .proto files.

    client.py ADDRESS EXECUTION_ID EXECUTOR [KEY=VALUE ...]
"""

import base64
import json
import sys

import grpc
from executor.v1 import executor_pb2
from host.v1 import host_pb2, host_pb2_grpc


def show(**fields):
    print(json.dumps(fields), flush=True)


def show_event(event):
    kind = event.WhichOneof("kind")
    if kind == "output":
        channel = executor_pb2.Channel.Name(event.output.channel)
        show(kind=kind, channel=channel, data=base64.b64encode(event.output.data).decode())
    elif kind == "result":
        show(kind=kind, outcome=executor_pb2.Outcome.Name(event.result.outcome), evidence=dict(event.result.evidence))
    else:
        show(kind=kind)


def main(address, execution_id, executor, *pairs):
    config = dict(pair.split("=", 1) for pair in pairs)
    spec = host_pb2.ExecutionSpec(execution_id=execution_id, executor=executor, config=config)
    with grpc.insecure_channel(address) as channel:
        host = host_pb2_grpc.HostServiceStub(channel)
        try:
            for response in host.Execute(host_pb2.ExecuteRequest(spec=spec)):
                for event in response.events:
                    show_event(event)
            execution = host.Get(host_pb2.GetRequest(execution_id=execution_id)).execution
            show(kind="execution", state=host_pb2.State.Name(execution.state))
        except grpc.RpcError as error:
            show(kind="error", code=error.code().name, message=error.details())


main(*sys.argv[1:])
