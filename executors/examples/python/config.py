"""The keys that a job may set. `config.schema.json` says the same to hosts and people."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from gen.executor.v1.executor_pb2 import Violation
from executor_host.executor import quote

KEYS = ["path", "algorithm", "expect", "maxBytesPerSecond"]
ALGORITHMS = ["md5", "sha1", "sha256", "sha512"]


@dataclass(frozen=True)
class Config:
    """What a job asks for."""

    paths: list[str]
    algorithm: str
    # The digest that the file must have, in lower case; empty for none.
    expect: str
    # How fast to read at most; None for no limit.
    max_bytes_per_second: int | None


def parse(given: Mapping[str, str]) -> tuple[Config, list[Violation]]:
    """Makes a config of a job's strings, or tells everything that is wrong with it."""
    wrong: list[Violation] = []

    def violate(field: str, message: str, hint: str = "") -> None:
        wrong.append(Violation(field=field, message=message, hint=hint))

    paths = [line.strip() for line in given.get("path", "").split("\n") if line.strip()]
    if not paths:
        violate("path", "is required", "write one absolute path per line")
    for path in paths:
        if not os.path.isabs(path):
            violate("path", f"{quote(path)} is not an absolute path", "start it with /")

    algorithm = given.get("algorithm", "") or "sha256"
    if algorithm not in ALGORITHMS:
        violate("algorithm", f"{quote(algorithm)} is not one of {', '.join(ALGORITHMS)}")

    expect = given.get("expect", "").lower()
    if expect and algorithm in ALGORITHMS:
        digits = 2 * hashlib.new(algorithm, usedforsecurity=False).digest_size
        if not re.fullmatch(rf"[0-9a-f]{{{digits}}}", expect):
            message = f"{quote(given['expect'])} is not a {algorithm} digest"
            violate("expect", message, f"write {digits} hexadecimal digits")
    if expect and len(paths) > 1:
        violate("expect", f"goes with one path, not {len(paths)}", "leave it out, or run one job per file")

    speed = given.get("maxBytesPerSecond", "")
    limit = int(speed) if re.fullmatch(r"\+?[0-9]{1,18}", speed) else 0
    if speed and limit < 1:
        message = f"{quote(speed)} is not a whole number of at least 1"
        violate("maxBytesPerSecond", message, "write decimal digits, or leave it out")

    for key in given:
        if key not in KEYS:
            violate(key, "is not a known key", f"known keys: {', '.join(KEYS)}")
    return Config(paths, algorithm, expect, limit or None), wrong
