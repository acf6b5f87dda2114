"""The plugin's side of HashiCorp's go-plugin protocol, for gRPC.

It knows nothing of executors. What it does: check the magic cookie, agree on a version, listen where the host wants it, under mutual TLS if the
host wants that (see `tls`), print the handshake line, serve health, stdio and controller, and end when the host says so, on SIGTERM, or when the
host is gone.

It has no broker, with which host and plugin open further servers for each other; hosts bear that until somebody asks for one. It listens on unix
sockets only, so it is not for Windows.
"""

import contextlib
import datetime
import json
import logging
import os
import queue
import re
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from gen.goplugin import plugin_pb2, plugin_pb2_grpc
from executor_host import tls

# Version of the go-plugin protocol itself.
CORE_VERSION = 1
# What a unix socket's path may be long, on the strictest of systems.
LONGEST_SOCKET_PATH = 103
# Between two looks at the parent process, in seconds.
PARENT_POLL = 0.5
# What stops in this time after the end was told ends in order, in seconds.
STOP_GRACE = 2.0
# Prints that wait for a host to read them; the oldest are dropped.
STDIO_CHUNKS = 1000


@dataclass(frozen=True)
class Cookie:
    """How host and plugin recognise each other. Not a secret."""

    key: str
    value: str


def serve(
    name: str,
    cookie: Cookie,
    versions: Mapping[int, Callable[[grpc.Server], None]],
    *,
    on_stop: Callable[[], None],
    max_workers: int,
) -> None:
    """Be a plugin until it is time to end; then end the process.

    `versions` adds the services of each application version. `on_stop` stops what runs and is called once. Every call that lasts takes one
    of `max_workers` threads, and the host itself needs a few.
    """
    if os.environ.get(cookie.key) != cookie.value:
        sys.stderr.write(
            f"{name} is a plugin: a host starts it and talks to it. Run by hand, it does nothing.\n"
            "Put it into the host's plugins directory.\n"
        )
        sys.exit(1)

    environment = _take_environment(cookie)
    _log_to_stderr(name)
    stdio = _Stdio()
    ending = threading.Event()
    _end_when(ending, environment.get("EXECUTOR_HOST_LIFELINE", ""))

    version = _negotiate(list(versions), environment.get("PLUGIN_PROTOCOL_VERSIONS", ""))
    server = grpc.server(
        ThreadPoolExecutor(max_workers=max_workers),
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )
    _add_own_services(server, stdio, ending)
    versions[version](server)

    try:
        address, certificate, remove = _listen(server, environment)
    except (LookupError, OSError, RuntimeError, ValueError) as error:
        logging.error("cannot listen: %s", error)
        os._exit(1)

    fields = [str(CORE_VERSION), str(version), "unix", address, "grpc", certificate]
    if environment.get("PLUGIN_MULTIPLEX_GRPC"):
        fields.append("false")
    os.write(1, ("|".join(fields) + "\n").encode())
    stdio.capture()

    ending.wait()
    on_stop()
    stdio.close()
    server.stop(STOP_GRACE).wait(STOP_GRACE)
    remove()
    # Threads that do not come to their end shall not keep the process from its own.
    os._exit(0)


def _take_environment(cookie: Cookie) -> dict[str, str]:
    """The host's variables, removed from where children of this process would inherit them."""
    names = [key for key in os.environ if key.startswith("PLUGIN_") or key == "EXECUTOR_HOST_LIFELINE"]
    del os.environ[cookie.key]
    return {key: os.environ.pop(key) for key in names}


def _negotiate(own: list[int], offered: str) -> int:
    """The highest version that both speak; else the lowest of ours, and the host complains."""
    theirs = {int(text) for text in offered.split(",") if re.fullmatch(r"[+-]?\d+", text)}
    return max(theirs.intersection(own), default=min(own))


# The end


def _end_when(ending: threading.Event, lifeline: str) -> None:
    # Ctrl-C in a terminal goes to the host as well, which decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ending.set())
    parent = os.getppid()

    def watch_host() -> None:
        if lifeline == "stdin":
            # The host holds the other end, and the kernel closes it however the host ends.
            with contextlib.suppress(OSError):
                while os.read(0, 4096):
                    pass
        else:
            while os.getppid() == parent:
                time.sleep(PARENT_POLL)
        ending.set()

    threading.Thread(target=watch_host, daemon=True).start()


# The link


def _listen(server: grpc.Server, environment: Mapping[str, str]) -> tuple[str, str, Callable[[], None]]:
    """Address and certificate for the handshake line, and what removes the sockets."""
    directory = environment.get("PLUGIN_UNIX_SOCKET_DIR") or tempfile.gettempdir()
    path = os.path.join(directory, f"plugin{secrets.token_hex(4)}")
    if len(os.fsencode(path)) + 1 > LONGEST_SOCKET_PATH:
        raise OSError(f"the path of the socket is longer than {LONGEST_SOCKET_PATH} bytes: {path}")
    inner, certificate = path, ""
    host_certificate = environment.get("PLUGIN_CLIENT_CERT", "")
    # Sockets are their owner's.
    mask = os.umask(0o077)
    if host_certificate:
        front = tls.Front(host_certificate)
        inner, certificate = f"{path}i", front.certificate
    server.add_insecure_port(f"unix:{inner}")
    server.start()
    if host_certificate:
        front.listen(path, inner)
    os.umask(mask)
    group = environment.get("PLUGIN_UNIX_SOCKET_GROUP")
    if group:
        shutil.chown(path, group=int(group) if group.isdigit() else group)
        os.chmod(path, 0o660)

    def remove() -> None:
        for socket in {path, inner}:
            with contextlib.suppress(OSError):
                os.unlink(socket)

    return path, certificate, remove


# The services that every plugin has


def _add_own_services(server: grpc.Server, stdio: "_Stdio", ending: threading.Event) -> None:
    servicer = health.HealthServicer()
    servicer.set("plugin", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    plugin_pb2_grpc.add_GRPCStdioServicer_to_server(stdio, server)
    plugin_pb2_grpc.add_GRPCControllerServicer_to_server(_Controller(ending), server)


class _Controller(plugin_pb2_grpc.GRPCControllerServicer):
    def __init__(self, ending: threading.Event) -> None:
        self._ending = ending

    def Shutdown(self, request: plugin_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.Empty:
        context.add_callback(self._ending.set)  # when the answer is on its way
        return plugin_pb2.Empty()


class _Stdio(plugin_pb2_grpc.GRPCStdioServicer):
    """Brings to the host what the process prints outside executions."""

    def __init__(self) -> None:
        self._chunks: queue.Queue[plugin_pb2.StdioData | None] = queue.Queue(STDIO_CHUNKS)
        self._is_closed = False

    def capture(self) -> None:
        """From here on, stdout belongs to nobody: the host reads one line of it."""
        sys.stdout = _Prints(self, plugin_pb2.StdioData.STDOUT)
        sys.stderr = _Prints(self, plugin_pb2.StdioData.STDERR)

    def close(self) -> None:
        """The server waits for its calls to end, and this one would not."""
        self._is_closed = True
        self.put(None)  # wakes the stream

    def put(self, chunk: plugin_pb2.StdioData | None) -> None:
        while True:
            try:
                return self._chunks.put_nowait(chunk)
            except queue.Full:
                with contextlib.suppress(queue.Empty):
                    self._chunks.get_nowait()

    def StreamStdio(self, request: object, context: grpc.ServicerContext) -> Iterator[plugin_pb2.StdioData]:
        over = threading.Event()
        context.add_callback(over.set)
        while not over.is_set() and not self._is_closed:
            with contextlib.suppress(queue.Empty):
                if chunk := self._chunks.get(timeout=0.5):
                    yield chunk


class _Prints:
    """As much of a text file as `print` and the like need."""

    encoding = "utf-8"

    def __init__(self, stdio: _Stdio, channel: plugin_pb2.StdioData.Channel) -> None:
        self._stdio = stdio
        self._channel = channel

    def write(self, text: str) -> int:
        if text:
            self._stdio.put(plugin_pb2.StdioData(channel=self._channel, data=text.encode(errors="replace")))
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


# Logs


def _log_to_stderr(name: str) -> None:
    """`logging` in the form that hosts read: a JSON object a line, with hclog's keys."""

    class Formatter(logging.Formatter):
        levels = {"WARNING": "warn", "CRITICAL": "error"}

        def format(self, record: logging.LogRecord) -> str:
            at = datetime.datetime.fromtimestamp(record.created, datetime.timezone.utc)
            entry = {
                "@level": self.levels.get(record.levelname, record.levelname.lower()),
                "@message": record.getMessage(),
                # Exactly six digits of a second, or Go shows the line as it is.
                "@timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "@module": name,
            }
            if record.exc_info:
                entry["stack"] = self.formatException(record.exc_info)
            return json.dumps(entry)

    handler = logging.StreamHandler(sys.stderr)  # the real one, whatever sys.stderr becomes
    handler.setFormatter(Formatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
