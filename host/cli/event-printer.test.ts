import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import type { Event, EventBody } from "../client/types.ts";
import { makeResult, type Result } from "../model/model.ts";
import type { CliContext } from "./context.ts";
import { follow, type FollowOptions } from "./follow.ts";
import { Interrupts } from "./interrupts.ts";
import { Output } from "./output.ts";
import { timeouts } from "./timeouts.ts";

interface Screen {
  readonly stdout: string;
  readonly stderr: string;
}

async function show(
  bodies: AsyncIterable<EventBody> | readonly EventBody[],
  { isTerminal = false, ...options }: Partial<FollowOptions> & { isTerminal?: boolean } = {},
): Promise<Screen> {
  const streams = [new PassThrough(), new PassThrough()].map((stream) => Object.assign(stream, { isTTY: isTerminal }));
  const [stdout, stderr] = streams.map((stream) => new Output(stream, { NO_COLOR: "1" }, true));
  assert.ok(stdout !== undefined && stderr !== undefined);
  const context: CliContext = {
    env: {},
    stdin: new PassThrough(),
    stdout,
    stderr,
    installDir: "/",
    interrupts: new Interrupts(() => {}),
    signal: new AbortController().signal,
    trailing: undefined,
    exit: () => {},
  };
  await follow(events(bodies), { json: false, quiet: false, subject: "shell", ...options }, context);
  const [out, err] = streams.map((stream) => String(stream.read() ?? ""));
  return { stdout: out ?? "", stderr: err ?? "" };
}

async function* events(bodies: AsyncIterable<EventBody> | readonly EventBody[]): AsyncGenerator<Event> {
  let sequence = 0;
  for await (const body of bodies) {
    sequence++;
    yield { sequence, timeMs: sequence * 1000, attempt: 1, ...body };
  }
}

const output = (channel: "stdout" | "stderr", text: string): EventBody => ({
  type: "output",
  channel,
  offset: 0,
  data: Buffer.from(text),
});
const end = (result: Result): EventBody => ({ type: "result", result });
const success = end(makeResult("SUCCEEDED", { evidence: { partition: 0, offset: 12, note: "two words" } }));
const failure = end(
  makeResult("FAILED", {
    message: "exit status 3",
    hint: "look at the log",
    warnings: ["key su is old"],
    stop: { steps: [], survivors: [{ pid: 7, command: "sleep 9" }] },
  }),
);

test("output goes where it belongs, and a success is not mentioned without a terminal", async () => {
  const screen = await show([output("stdout", "out"), output("stderr", "err"), success]);
  assert.deepEqual(screen, { stdout: "out", stderr: "err" });
});

test("on a terminal a success is told with its evidence, on a line of its own", async () => {
  const { stderr } = await show([output("stdout", "out"), success], { isTerminal: true });
  assert.equal(stderr, "\nshell succeeded in 1s: partition=0 offset=12 note='two words'\n".replace("1s:", "1s "));
});

test("a success with a warning is told without a terminal, too", async () => {
  const { stdout, stderr } = await show([
    output("stdout", "out"),
    end(makeResult("SUCCEEDED", { warnings: ["2 bytes lost"] })),
  ]);
  assert.equal(stdout, "out");
  assert.equal(stderr, "shell succeeded in 1s\n  warning: 2 bytes lost\n");
});

test("a failure is told with its hint, warnings and what is still running", async () => {
  const { stdout, stderr } = await show([failure]);
  assert.equal(stdout, "");
  assert.equal(
    stderr,
    "error: shell failed after 0ms: exit status 3\n  still running: pid 7: sleep 9\n  warning: key su is old\nhint: look at the log\n",
  );
});

test("quiet leaves nothing but output", async () => {
  for (const isTerminal of [false, true]) {
    const dropped: EventBody = {
      type: "outputDropped",
      stdoutBytes: 5,
      stderrBytes: 0,
      firstSequence: 1,
      lastSequence: 2,
    };
    const screen = await show([output("stderr", "e\n"), dropped, failure], { quiet: true, isTerminal });
    assert.deepEqual(screen, { stdout: "", stderr: "e\n" });
  }
});

test("missing output is told where it is missing", async () => {
  const dropped: EventBody = {
    type: "outputDropped",
    stdoutBytes: 2048,
    stderrBytes: 5,
    firstSequence: 1,
    lastSequence: 2,
  };
  const { stderr } = await show([dropped, success]);
  assert.equal(stderr, "executor-host: output is missing here: 2KiB of stdout, 5B of stderr\n");
});

test("a failed attempt is told on a terminal", async () => {
  const attempt: EventBody = {
    type: "attemptFinished",
    result: makeResult("FAILED", { exitCode: 3 }),
    nextAttemptInMs: 1500,
  };
  assert.equal((await show([attempt, success])).stderr, "");
  const { stderr } = await show([attempt, success], { isTerminal: true });
  assert.match(stderr, /^executor-host: attempt 1 failed: exit code 3; the next one in 1\.5s\n/);
});

test("what a job does while it is silent is shown on a terminal, and taken away before its output", async () => {
  async function* slow(): AsyncGenerator<EventBody> {
    yield { type: "state", state: "QUEUED", reason: "waiting for a slot: 4 of 4 in use" };
    await sleep(timeouts.statusDelayMs * 2);
    yield { type: "progress", fraction: 0.5, message: "half way", details: undefined };
    yield output("stdout", "x\n");
    yield success;
  }
  const { stdout, stderr } = await show(slow(), { isTerminal: true });
  assert.equal(stdout, "x\n");
  assert.match(stderr, /queued: waiting for a slot: 4 of 4 in use/);
  assert.match(stderr, /running: 50% half way/);
  assert.ok(stderr.includes("\r\u001b[Kshell succeeded in"), stderr);
  assert.equal((await show(slow())).stderr, "");
});

test("what a job uses is shown on a terminal, also between its lines, but never over a line that is not complete", async () => {
  const usage: EventBody = {
    type: "usage",
    usage: { cpuTimeMs: 1_200, memoryBytes: 45 * 1024 ** 2, processes: 3, writtenBytes: 4096, source: "cgroup" },
  };
  async function* after(text: string): AsyncGenerator<EventBody> {
    yield output("stdout", text);
    yield usage;
    await sleep(timeouts.statusDelayMs * 2);
    yield success;
  }
  const whole = await show(after("x\n"), { isTerminal: true });
  assert.match(whole.stderr, /running: 1\.2s of CPU, 45MiB of memory, 3 processes, 4KiB written/);
  const partial = await show(after("x"), { isTerminal: true });
  assert.doesNotMatch(partial.stderr, /running/);
  assert.equal((await show(after("x\n"))).stderr, "");
});

test("other limits are told on a terminal, with the reason", async () => {
  const changed: EventBody = {
    type: "limitsChanged",
    limits: { totalTimeoutMs: 7_200_000, graceMs: 10_000, maxOutputBytes: 1024 ** 2 },
    reason: "the disk is slow",
  };
  const { stderr } = await show([changed, success], { isTerminal: true });
  const text = "executor-host: its limits are now timeout=2h grace=10s max-output=1MiB (the disk is slow)\n";
  assert.ok(stderr.startsWith(text), stderr);
  assert.equal((await show([changed, success])).stderr, "");
});

test("what comes from elsewhere cannot control the terminal, but output may", async () => {
  const hostile = "\u001b[2Jx";
  const { stdout, stderr } = await show([output("stdout", hostile), end(makeResult("FAILED", { message: hostile }))]);
  assert.equal(stdout, hostile);
  assert.ok(!stderr.includes("\u001b"), stderr);
});

test("as JSON every event is a line, with output as text or base64", async () => {
  const bytes: EventBody = { type: "output", channel: "stdout", offset: 2, data: Buffer.from([0xff, 0]) };
  const { stdout, stderr } = await show([output("stdout", "é"), bytes, success], { json: true });
  assert.equal(stderr, "");
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    lines.map(({ type, encoding, data }) => [type, encoding, data]),
    [
      ["output", "utf8", "é"],
      ["output", "base64", "/wA="],
      ["result", undefined, undefined],
    ],
  );
});
