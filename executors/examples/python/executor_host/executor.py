"""Serves one executor by the native contract. It knows nothing of what the executor does."""

import contextlib
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import grpc
from google.protobuf import json_format

from gen.executor.v1 import executor_pb2 as pb
from gen.executor.v1 import executor_pb2_grpc as pb_grpc
from executor_host import goplugin

# The go-plugin application version of the native contract; 1 would be Dkron's.
NATIVE_VERSION = 2
COOKIE = goplugin.Cookie(
    "DKRON_PLUGIN_MAGIC_COOKIE", "b29a76488b6f3ca7955c5f769b50641f0fcd88748d8cedecda313d516320ca19"
)
# What one output event may hold.
MAX_OUTPUT_BYTES = 64 * 1024
# How long a host may hear nothing, in seconds.
HEARTBEAT = 5.0
# Events that wait for the host to read them: after that, `execute` waits.
WAITING_EVENTS = 16
# Ids that are remembered after their end: a Cancel may cross the result on its way.
REMEMBERED = 1000

C = TypeVar("C")


class Failure(Exception):
    """The work failed, for a reason that programs can know.

    `code` is a stable cause in upper-case snake case; `retryability` one of the contract's RETRYABILITY values.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str = "",
        retryability: int = pb.RETRYABILITY_UNSPECIFIED,
        evidence: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint
        self.retryability = retryability
        self.evidence = evidence


class Stopped(Exception):
    """The run was asked to stop, and did; the words say how far it had come."""


@dataclass(frozen=True)
class Definition(Generic[C]):
    """An executor: who it is, which config it takes, and what it does."""

    # As jobs write it: lower-case letters, digits, _ and -.
    name: str
    # Semver.
    version: str
    # One sentence for people.
    summary: str
    # JSON Schema of the config, draft 2020-12.
    schema: str
    # Makes a typed config of a job's strings, or tells everything that is wrong with it. It touches nothing outside.
    parse: Callable[[Mapping[str, str]], tuple[C, list[pb.Violation]]]
    # Does the work of one execution and returns its evidence; called many times, also at the same time. When `run.stop` is set, it must
    # stop at once and raise Stopped. A Failure says why it failed; anything else that it raises is FAILED with code INTERNAL.
    execute: Callable[["Run", C], Mapping[str, Any]]
    # Whether a run changes anything outside: EFFECT_NONE is a promise that running again is safe. Unset means unknown.
    effect: int = pb.EFFECT_UNSPECIFIED
    # Running the same execution id twice has the effect of running it once.
    idempotent: bool = False
    # Executions in one process at a time; each takes a thread.
    max_concurrent: int = 16


def serve(definition: Definition[Any]) -> None:
    """The whole of an executor's main program. It does not return."""
    servicer = _Servicer(definition)
    goplugin.serve(
        definition.name,
        COOKIE,
        {NATIVE_VERSION: lambda server: pb_grpc.add_ExecutorServiceServicer_to_server(servicer, server)},
        on_stop=servicer.stop_all,
        # Room to refuse and to cancel when all are taken.
        max_workers=definition.max_concurrent + 16,
    )


@dataclass
class Run:
    """One execution, as the executor sees it."""

    request: pb.ExecuteRequest
    # Set when the run shall stop: somebody cancelled it, the host dropped the call, or the process ends.
    stop: threading.Event = field(default_factory=threading.Event)
    # The host is gone: nothing can be sent any more.
    _dropped: threading.Event = field(default_factory=threading.Event)
    _events: queue.Queue = field(default_factory=lambda: queue.Queue(WAITING_EVENTS))
    _offsets: dict[int, int] = field(default_factory=dict)

    def started(self, target: str) -> None:
        """The work begins: what it is, for people. It must come before output and progress."""
        self._put(pb.Event(started=pb.Started(target=target)))

    def stdout(self, data: bytes) -> None:
        """What the work produces, byte by byte as it is. Waits for a reader that is slow."""
        self._output(pb.CHANNEL_STDOUT, data)

    def stderr(self, data: bytes) -> None:
        """The other channel."""
        self._output(pb.CHANNEL_STDERR, data)

    def progress(self, fraction: float, message: str, details: Mapping[str, Any]) -> None:
        """How far the work has come: a fraction of 1, words for people, details for programs."""
        progress = pb.Progress(fraction=fraction, message=message)
        json_format.ParseDict(dict(details), progress.details)
        self._put(pb.Event(progress=progress))

    def _output(self, channel: int, data: bytes) -> None:
        for start in range(0, len(data), MAX_OUTPUT_BYTES):
            part = data[start : start + MAX_OUTPUT_BYTES]
            offset = self._offsets.get(channel, 0)
            self._offsets[channel] = offset + len(part)
            self._put(pb.Event(output=pb.Output(channel=channel, offset=offset, data=part)))

    def _put(self, event: pb.Event) -> None:
        event.time.FromNanoseconds(time.time_ns())
        while not self._dropped.is_set():
            with contextlib.suppress(queue.Full):
                return self._events.put(event, timeout=0.5)
        raise Stopped("the host is gone")


class _Servicer(pb_grpc.ExecutorServiceServicer):
    """The contract around a definition. Calls it does not have, Attach and Probe, answer UNIMPLEMENTED."""

    def __init__(self, definition: Definition[Any]) -> None:
        self._definition = definition
        self._lock = threading.Lock()
        self._running: dict[tuple[str, int], Run] = {}
        self._ended: deque[str] = deque(maxlen=REMEMBERED)

    def Describe(self, request: pb.DescribeRequest, context: grpc.ServicerContext) -> pb.DescribeResponse:
        definition = self._definition
        return pb.DescribeResponse(
            name=definition.name,
            version=definition.version,
            summary=definition.summary,
            config_schema=definition.schema,
            capabilities=pb.Capabilities(
                cancel=True,
                idempotent=definition.idempotent,
                max_concurrent_executions=definition.max_concurrent,
            ),
        )

    def Validate(self, request: pb.ValidateRequest, context: grpc.ServicerContext) -> pb.ValidateResponse:
        _, violations = self._definition.parse(request.config)
        return pb.ValidateResponse(violations=violations)

    def Execute(self, request: pb.ExecuteRequest, context: grpc.ServicerContext) -> Iterator[pb.ExecuteResponse]:
        run = Run(request)
        self._enter(run, context)

        def dropped() -> None:
            run._dropped.set()
            run.stop.set()
            with contextlib.suppress(queue.Full):
                run._events.put_nowait(None)  # wakes the stream

        if not context.add_callback(dropped):
            dropped()
        # The work has a thread of its own, so that this one can send heartbeats.
        threading.Thread(target=self._work, args=[run], daemon=True).start()
        sequence = 0
        is_over = False
        while not is_over:
            try:
                event = run._events.get(timeout=HEARTBEAT)
            except queue.Empty:
                event = pb.Event(heartbeat=pb.Heartbeat())
                event.time.FromNanoseconds(time.time_ns())
            if event is None:
                return
            sequence += 1
            event.sequence = sequence
            is_over = event.WhichOneof("kind") == "result"
            yield pb.ExecuteResponse(events=[event])

    def Cancel(self, request: pb.CancelRequest, context: grpc.ServicerContext) -> pb.CancelResponse:
        with self._lock:
            runs = [run for (execution_id, _), run in self._running.items() if execution_id == request.execution_id]
            is_ended = request.execution_id in self._ended
        for run in runs:
            run.stop.set()
        if runs:
            return pb.CancelResponse(disposition=pb.CANCEL_DISPOSITION_STOPPING)
        return pb.CancelResponse(
            disposition=pb.CANCEL_DISPOSITION_FINISHED if is_ended else pb.CANCEL_DISPOSITION_UNKNOWN
        )

    def stop_all(self) -> None:
        with self._lock:
            runs = list(self._running.values())
        for run in runs:
            run.stop.set()

    def _enter(self, run: Run, context: grpc.ServicerContext) -> None:
        key = (run.request.execution_id, run.request.attempt)
        most = self._definition.max_concurrent
        with self._lock:
            if key in self._running:
                problem = (grpc.StatusCode.ALREADY_EXISTS, f"attempt {key[1]} of execution {key[0]} is running already")
            elif len(self._running) >= most:
                problem = (grpc.StatusCode.RESOURCE_EXHAUSTED, f"{most} executions are running, which is the most")
            else:
                self._running[key] = run
                return
        context.abort(*problem)

    def _work(self, run: Run) -> None:
        result = self._result(run)
        with self._lock:
            del self._running[(run.request.execution_id, run.request.attempt)]
            self._ended.append(run.request.execution_id)
        with contextlib.suppress(Stopped):
            run._put(pb.Event(result=result))

    def _result(self, run: Run) -> pb.Result:
        """Does the work, and says in the contract's words how it ended."""
        result = pb.Result(outcome=pb.OUTCOME_SUCCEEDED, effect=self._definition.effect)
        evidence: Mapping[str, Any] | None = None
        try:
            config, violations = self._definition.parse(run.request.config)
            if violations:
                return _rejection(violations)
            evidence = self._definition.execute(run, config)
        except Stopped as stopped:
            result.outcome, result.code, result.message = pb.OUTCOME_CANCELLED, "CANCELLED", _one_line(stopped)
        except Failure as failure:
            result.outcome, result.code, result.message = pb.OUTCOME_FAILED, failure.code, _one_line(failure)
            result.hint, result.retryability = failure.hint, failure.retryability
            evidence = failure.evidence
        except Exception as error:  # one execution fails, the others go on
            logging.exception("execute raised")
            result.outcome, result.code = pb.OUTCOME_FAILED, "INTERNAL"
            result.message = _one_line(error) or type(error).__name__
        if evidence:
            try:
                json_format.ParseDict(dict(evidence), result.evidence)
            except json_format.ParseError as error:
                result.warnings.append(f"the evidence could not be sent: {error}")
        return result


def _rejection(violations: list[pb.Violation]) -> pb.Result:
    words = "; ".join(f"{violation.field} {violation.message}" for violation in violations)
    return pb.Result(
        outcome=pb.OUTCOME_REJECTED,
        code="CONFIG_INVALID",
        message=_one_line(f"invalid config: {words}"),
        hint=violations[0].hint,
        retryability=pb.RETRYABILITY_PERMANENT,
        effect=pb.EFFECT_NONE,
        violations=violations,
    )


def _one_line(text: object) -> str:
    return " ".join(str(text).split())


def quote(value: str) -> str:
    """A value in a message, the whole of it only if it is short."""
    most = 100
    return f'"{value}"' if len(value) <= most else f'"{value[:most]}"...'
