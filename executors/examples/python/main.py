from pathlib import Path

from gen.executor.v1 import executor_pb2 as pb
from executor_host.executor import Definition, serve

from config import parse
from execute import execute

serve(
    Definition(
        name="checksum",
        version="1.0.0",
        summary="Computes and compares digests of files",
        schema=Path(__file__).with_name("config.schema.json").read_text(encoding="utf-8"),
        parse=parse,
        execute=execute,
        effect=pb.EFFECT_NONE,
        idempotent=True,
        max_concurrent=16,
    )
)
