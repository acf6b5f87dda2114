"""Calls a host, and prints what it says while it says it: one JSON object per line.

Knows nothing of the host but its .proto files.

    client.py ADDRESS

Reads one call per line: {"method": "Watch", "request": {...}, "take": 3}. Prints each message of the answer, and then the status. With
`take`, the call is dropped after so many messages.
"""

import json
import sys

import grpc
from google.protobuf import json_format
from google.rpc import error_details_pb2  # noqa: F401 (what is packed into a status)
from google.rpc import status_pb2
from grpc_status import rpc_status
from host.v1 import host_pb2, host_pb2_grpc

service = host_pb2.DESCRIPTOR.services_by_name["HostService"]


def show(**fields):
    print(json.dumps(fields), flush=True)


def answers(stub, method, request, take):
    """The messages of a call, of whichever kind; at most `take` of them, if that is not 0."""
    call = getattr(stub, method.name)
    if not method.server_streaming:
        yield call(request)
        return
    stream = call(request)
    for number, message in enumerate(stream, 1):
        yield message
        if number == take:
            stream.cancel()


def perform(stub, call):
    method = service.methods_by_name[call["method"]]
    request = json_format.ParseDict(call.get("request", {}), getattr(host_pb2, method.input_type.name)())
    status, code = status_pb2.Status(), grpc.StatusCode.OK
    try:
        for message in answers(stub, method, request, call.get("take", 0)):
            show(message=json_format.MessageToDict(message))
    except grpc.RpcError as error:
        code = error.code()
        status = rpc_status.from_call(error) or status_pb2.Status(message=error.details())
    show(status=code.name, **json_format.MessageToDict(status))


def main(address):
    with grpc.insecure_channel(address) as channel:
        stub = host_pb2_grpc.HostServiceStub(channel)
        for line in sys.stdin:
            perform(stub, json.loads(line))


main(*sys.argv[1:])
