import assert from "node:assert/strict";
import { createHash, randomBytes, type Hash } from "node:crypto";
import { describe, test } from "node:test";
import type { ExecutionEvent } from "../../../executors/sdk/runtime/event.ts";
import { ExecutionRun } from "../../../executors/sdk/runtime/execution-run.ts";
import { MemoryLogger } from "../../../executors/sdk/testing/memory-logger.ts";
import { guard } from "../../support/guard.ts";
import { DockerKit, skip } from "./support/docker.ts";

const mebibyte = 1024 ** 2;

/** An engine under load passes on some ten megabytes per second. */
const patience = { timeout: 5 * guard.timeout };

describe("the output of a container", { ...patience, skip }, () => {
  test("is exact, whatever the bytes, on both channels", async () => {
    await using kit = new DockerKit();
    const out = randomBytes(300_000);
    const err = randomBytes(200_000);
    const { stdout, stderr } = await kit.run({
      command: `sh -c 'cat /out & cat /err >&2; wait'`,
      files: files({ "/out": out, "/err": err }),
    });
    assert.ok(stdout.equals(out));
    assert.ok(stderr.equals(err));
  });

  test("of 1 GiB arrives whole, with the right checksum", async () => {
    await using kit = new DockerKit();
    const piece = randomBytes(mebibyte);
    const sink = new HashingSink();
    const report = await collect(kit, sink, {
      command: `sh -c 'i=0; while [ $i -lt 1024 ]; do cat /piece; i=$((i+1)); done'`,
      files: files({ "/piece": piece }),
    });
    assert.equal(report.outcome, "SUCCEEDED");
    assert.equal(sink.bytes, 1024 * mebibyte);
    const expected = createHash("sha256");
    for (let each = 0; each < 1024; each++) expected.update(piece);
    assert.equal(sink.hash.digest("hex"), expected.digest("hex"));
  });

  test("is whole when nobody takes it until the container has long ended, and the container does not wait for that", async () => {
    await using kit = new DockerKit();
    const piece = randomBytes(mebibyte);
    const sink = new HashingSink();
    const room = Promise.withResolvers<void>();
    sink.room = room.promise;
    const id = "output-stalled";
    const report = collect(
      kit,
      sink,
      {
        command: `sh -c 'i=0; while [ $i -lt 16 ]; do cat /piece; i=$((i+1)); done'`,
        files: files({ "/piece": piece }),
      },
      id,
    );
    for (;;) {
      const states = await kit.docker("ps", "--all", "--filter", `name=${id}`, "--format", "{{.State}}");
      if (states === "exited") break;
    }
    sink.room = undefined;
    room.resolve();
    assert.equal((await report).outcome, "SUCCEEDED");
    assert.equal(sink.bytes, 16 * mebibyte);
    const expected = createHash("sha256");
    for (let each = 0; each < 16; each++) expected.update(piece);
    assert.equal(sink.hash.digest("hex"), expected.digest("hex"));
  });

  test("does not end with the container's own output", async () => {
    await using kit = new DockerKit();
    const { report, stdout } = await kit.run({ command: `sh -c 'echo bye; exec >&- 2>&-; sleep 2; exit 4'` });
    assert.equal(stdout.toString(), "bye\n");
    assert.equal(report.exitCode, 4);
  });

  test("of a terminal is all stdout", async () => {
    await using kit = new DockerKit();
    const { stdout, stderr } = await kit.run({ command: `sh -c 'echo out; echo err >&2'`, tty: "true" });
    assert.equal(stdout.toString(), "out\r\nerr\r\n");
    assert.equal(stderr.length, 0);
  });
});

function files(contents: Readonly<Record<string, Buffer>>): string {
  const list = Object.entries(contents).map(([path, content]) => ({
    path,
    content_base64: content.toString("base64"),
  }));
  return JSON.stringify(list);
}

/** Keeps no output, only what it adds up to; takes none while `room` is there. */
class HashingSink {
  readonly hash: Hash = createHash("sha256");
  bytes = 0;
  room: Promise<void> | undefined;

  write(event: ExecutionEvent): boolean {
    if (event.type === "output") {
      this.bytes += event.data.length;
      this.hash.update(event.data);
    }
    return this.room === undefined;
  }

  drained(): Promise<void> {
    return this.room ?? Promise.resolve();
  }
}

function collect(kit: DockerKit, sink: HashingSink, config: Record<string, string>, id: string = crypto.randomUUID()) {
  const { definition } = kit;
  const request = {
    ...{ id, attempt: 1, jobName: "", config: kit.config(config), deadline: undefined },
    ...{ heartbeatTimeoutMs: undefined, heartbeatDetails: undefined },
    ...{ labels: {}, traceContext: {}, protocol: "native" as const },
  };
  return new ExecutionRun({ definition, request, sink, logger: new MemoryLogger() }).finished;
}
