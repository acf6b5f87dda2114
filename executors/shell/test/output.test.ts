import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Execution, OutputStream } from "@executor-host/sdk";
import { config, type ShellConfig } from "../config.ts";
import { createShell } from "../definition.ts";
import { needsRoot } from "./support/needs.ts";
import { useShell } from "./support/use-shell.ts";

const hang = { timeout: 120_000 };

test("/dev/stdout and /dev/stderr can be opened by path", hang, async (t) => {
  const { stdout, stderr } = await useShell(t).run({
    command:
      "echo a > /dev/stdout; echo b > /dev/stderr; echo c | tee /dev/stderr; echo d >> /dev/fd/1; echo e > /proc/self/fd/2",
    shell: "true",
  });
  assert.equal(stdout.toString(), "a\nc\nd\n");
  assert.equal(stderr.toString(), "b\nc\ne\n");
});

test("/dev/stdin can be opened by path", hang, async (t) => {
  const { stdout } = await useShell(t).run({ command: "cat /dev/stdin", payload: "aGVsbG8=" });
  assert.equal(stdout.toString(), "hello");
});

test("another user can open his outputs and his input by path", hang, async (t) => {
  if (!needsRoot(t)) return;
  const { report, stdout, stderr } = await useShell(t).run({
    command: "cat /dev/stdin > /dev/stdout; echo b > /dev/stderr",
    shell: "true",
    su: "nobody",
    payload: "aGVsbG8=",
  });
  assert.equal(report.outcome, "SUCCEEDED", stderr.toString());
  assert.equal(stdout.toString(), "hello");
  assert.equal(stderr.toString(), "b\n");
});

test("every byte arrives as it was written, valid text or not", hang, async (t) => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
  const bytes = Buffer.concat([all, Buffer.from([0xc3, 0x28, 0xff, 0xfe, 0xe2, 0x82]), all]);
  const { stdout, stderr } = await useShell(t).run({ command: "tee /dev/stderr", payload: bytes.toString("base64") });
  assert.deepEqual(stdout, bytes);
  assert.deepEqual(stderr, bytes);
});

test("a character written in pieces arrives whole", hang, async (t) => {
  const { stdout } = await useShell(t).run({
    command: String.raw`printf '\342'; sleep 0.1; printf '\202'; sleep 0.1; printf '\254'`,
    shell: "true",
  });
  assert.equal(stdout.toString(), "€");
});

test("output arrives while the job runs", hang, async (t) => {
  const started = useShell(t).start({ command: "echo one; sleep 600", shell: "true" });
  await started.waitForOutput("one\n");
  started.cancel();
  await started.finished;
});

test("a flood arrives complete and in order", hang, async (t) => {
  const { stdout } = await useShell(t).run({ command: "seq 1 2000000" });
  assert.equal(stdout.length, 14_888_896);
  const expected = createHash("sha256");
  for (let number = 1; number <= 2_000_000; number++) expected.update(`${number}\n`);
  assert.equal(createHash("sha256").update(stdout).digest("hex"), expected.digest("hex"));
});

/** Takes nothing until `open()`, and then everything. */
class Sluice implements OutputStream {
  readonly chunks: Uint8Array[] = [];
  readonly #opened = Promise.withResolvers<void>();
  #isOpen = false;

  write(data: Uint8Array | string): boolean {
    this.chunks.push(typeof data === "string" ? Buffer.from(data) : data);
    return this.#isOpen;
  }

  drained(): Promise<void> {
    return this.#opened.promise;
  }

  open(): void {
    this.#isOpen = true;
    this.#opened.resolve();
  }
}

function executionOf(keys: Readonly<Record<string, string>>, stdout: OutputStream): Execution<ShellConfig> {
  const { value } = config.parse(keys);
  assert.ok(value !== undefined);
  const never = new AbortController().signal;
  const ignore = (): void => {};
  return {
    ...{
      id: "id",
      attempt: 1,
      jobName: "",
      deadline: undefined,
      heartbeatTimeoutMs: undefined,
      heartbeatDetails: undefined,
      labels: {},
      traceContext: {},
      protocol: "native" as const,
    },
    ...{ config: value, signal: never, forceSignal: never, deadlineSignal: never, stdout, stderr: stdout },
    ...{
      deadlineTold: () => ({ [Symbol.dispose]: ignore }),
      started: ignore,
      progress: ignore,
      heartbeat: ignore,
      usage: ignore,
      warn: ignore,
      log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    },
  };
}

test("a slow reader makes the job wait, costs no memory, and loses nothing", hang, async () => {
  const shell = createShell();
  const sluice = new Sluice();
  const finished = shell.execute(executionOf({ command: "seq 1 2000000" }, sluice));
  await delay(1_000);
  const held = sluice.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  assert.ok(held > 0 && held <= 256 * 1024, `${held} bytes were taken from the job`);
  sluice.open();
  const report = await finished;
  assert.equal(report.outcome, "SUCCEEDED");
  assert.equal(Buffer.concat(sluice.chunks).length, 14_888_896);
  await shell.close?.();
});

test("what a job wrote before it ended arrives, however long the reader takes", hang, async () => {
  const shell = createShell();
  const sluice = new Sluice();
  const finished = shell.execute(
    executionOf({ command: "head -c 60000 /dev/zero; sleep 0.2; head -c 60000 /dev/zero", shell: "true" }, sluice),
  );
  // Longer than output is waited for after the end of a job whose reader keeps up.
  await delay(3_000);
  sluice.open();
  assert.equal((await finished).outcome, "SUCCEEDED");
  assert.equal(Buffer.concat(sluice.chunks).length, 120_000);
  await shell.close?.();
});
