"""The work."""

import hashlib
import os
import stat
import time
from typing import Any

from gen.executor.v1 import executor_pb2 as pb
from executor_host.executor import Failure, Run, Stopped

from config import Config

# Between two chunks it is looked whether to stop.
CHUNK_BYTES = 64 * 1024


def execute(run: Run, config: Config) -> dict[str, Any]:
    """Reads the files and prints their digests."""
    [path, *others] = config.paths
    run.started(path if not others else f"{len(config.paths)} files")

    # All of them before the first is read: what is missing is told at once.
    reading = Reading(run, sum(_size_of(each) for each in config.paths), config.max_bytes_per_second)
    digest = ""
    for each in config.paths:
        digest = reading.digest(each, config.algorithm)
        # The path as the system has it, even if it is no Unicode.
        run.stdout(os.fsencode(f"{digest}  {each}\n"))

    evidence = {"algorithm": config.algorithm, "files": len(config.paths), "bytes": reading.done}
    if not others:
        evidence["digest"] = digest
    if config.expect and config.expect != digest:
        raise Failure(
            "DIGEST_MISMATCH",
            f"{path} has the {config.algorithm} digest {digest}, not {config.expect}",
            retryability=pb.RETRYABILITY_PERMANENT,
            evidence=evidence,
        )
    reading.tell()
    return evidence


class Reading:
    """How far a run has come with all of its files."""

    def __init__(self, run: Run, total: int, limit: int | None) -> None:
        self.done = 0
        self._run = run
        self._total = total
        self._limit = limit
        self._started_at = time.monotonic()
        # What the last progress said, and when.
        self._told_done = 0
        self._told_at = self._started_at

    def digest(self, path: str, algorithm: str) -> str:
        """Reads one file to its end."""
        into = hashlib.new(algorithm, usedforsecurity=False)
        chunk_bytes = min(CHUNK_BYTES, self._limit or CHUNK_BYTES)
        try:
            with open(path, "rb", buffering=0) as file:
                while True:
                    if self._run.stop.is_set():
                        raise Stopped(f"stopped after {self.done} of {self._total} bytes")
                    chunk = file.read(chunk_bytes)
                    if not chunk:
                        return into.hexdigest()
                    into.update(chunk)
                    self.done += len(chunk)
                    self._tell_sometimes()
                    self._pause()
        except OSError as error:
            raise _file_failure(path, error) from error

    def tell(self) -> None:
        """Reports progress."""
        self._told_done, self._told_at = self.done, time.monotonic()
        # A file may have grown meanwhile.
        fraction = min(1.0, self.done / self._total) if self._total else 1.0
        details = {"bytesDone": self.done, "bytesTotal": self._total}
        self._run.progress(fraction, f"{self.done} of {self._total} bytes", details)

    def _tell_sometimes(self) -> None:
        """A hundredth or more, once a second at most."""
        if (self.done - self._told_done) * 100 >= self._total and time.monotonic() - self._told_at >= 1:
            self.tell()

    def _pause(self) -> None:
        """Waits until as many bytes may have been read as have been, or until the run is stopped."""
        if self._limit is not None:
            self._run.stop.wait(max(0.0, self._started_at + self.done / self._limit - time.monotonic()))


def _size_of(path: str) -> int:
    try:
        info = os.stat(path)
    except (OSError, ValueError) as error:
        raise _file_failure(path, error) from error
    if stat.S_ISDIR(info.st_mode):
        raise _not_a_file(f"{path} is a directory")
    if not stat.S_ISREG(info.st_mode):
        raise _not_a_file(f"{path} is not a regular file")
    return info.st_size


def _not_a_file(message: str) -> Failure:
    return Failure("NOT_A_FILE", message, retryability=pb.RETRYABILITY_PERMANENT)


def _file_failure(path: str, error: Exception) -> Failure:
    """Says for people and programs what the system said."""
    if isinstance(error, FileNotFoundError):
        return Failure("FILE_NOT_FOUND", f"{path} does not exist")
    if isinstance(error, PermissionError):
        return Failure(
            "FILE_NOT_READABLE",
            f"{path} may not be read by this executor",
            hint="Run it as a user who may read the file",
            retryability=pb.RETRYABILITY_PERMANENT,
        )
    words = error.strerror if isinstance(error, OSError) else str(error)
    return Failure(
        "READ_FAILED", f"{path} cannot be read: {words}", retryability=pb.RETRYABILITY_RETRYABLE
    )
