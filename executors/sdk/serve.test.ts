import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { text as readText } from "node:stream/consumers";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { magicCookie } from "@executor-host/proto/shared/executor-link";
import { launchExecutor } from "./testing/index.ts";

const fixture = (name: string): string => `${import.meta.dirname}/fixtures/${name}.ts`;
const guard = { timeout: 60_000 };
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));

test("an executor run by hand says what it is and fails", guard, async () => {
  const child = spawn(process.execPath, [fixture("sample-executor")], { stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr, code] = await Promise.all([
    readText(child.stdout),
    readText(child.stderr),
    new Promise((resolve) => child.once("exit", resolve)),
  ]);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /^sample 1\.2\.3: Behaves as told\n/);
  assert.match(stderr, /dkron-executor-sample/);
  assert.match(stderr, /--describe/);
});

test("an executor describes itself on request", guard, async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [fixture("sample-executor"), "--describe"]);
  const description = JSON.parse(stdout) as { name: string; configSchema: { required: string[] } };
  assert.equal(description.name, "sample");
  assert.deepEqual(description.configSchema.required, ["do"]);
  assert.equal(stderr, "");
});

test("an executor keeps the link's variables from its jobs", guard, async () => {
  await using executor = await launchExecutor(fixture("sample-executor"), { env: { PATH: "/bin", MINE: "1" } });
  const { stdout } = await executor.execute({ do: "environment" });
  assert.deepEqual((JSON.parse(stdout.toString()) as string[]).toSorted(), ["MINE", "PATH"]);
});

test("an executor told to shut down forces its jobs, closes and ends well", guard, async () => {
  await using files = await directory();
  const [forced, closed] = [join(files.path, "forced"), join(files.path, "closed")];
  const executor = await launchExecutor(fixture("sample-executor"), { env: { CLOSE_MARKER: closed } });
  const run = executor.start({ do: "resist", text: forced });
  await run.waitForStarted();
  const exit = await executor.plugin.stop();
  assert.equal((await run.finished).report.outcome, "CANCELLED");
  await executor[Symbol.asyncDispose]();
  assert.deepEqual([exit.code, exit.signal], [0, null]);
  assert.equal(readFileSync(forced, "utf8"), "the host shuts the executor down");
  assert.equal(readFileSync(closed, "utf8"), "closed");
});

for (const signal of ["SIGTERM", "SIGHUP"] as const) {
  test(`an executor that gets ${signal} forces its jobs and ends well`, guard, async () => {
    await using files = await directory();
    const forced = join(files.path, "forced");
    await using executor = await launchExecutor(fixture("sample-executor"));
    const run = executor.start({ do: "resist", text: forced });
    await run.waitForStarted();
    process.kill(executor.plugin.pid, signal);
    assert.equal((await run.finished).report.outcome, "CANCELLED");
    const exit = await executor.plugin.exited;
    assert.deepEqual([exit.code, exit.signal], [0, null]);
    assert.equal(readFileSync(forced, "utf8"), "the executor was told to end");
  });
}

test("an executor that is told to end before its host has read the handshake leaves no socket", guard, async () => {
  await using files = await directory();
  const child = spawn(process.execPath, [fixture("ends-at-its-handshake")], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { [magicCookie.key]: magicCookie.value, PLUGIN_PROTOCOL_VERSIONS: "2", PLUGIN_UNIX_SOCKET_DIR: files.path },
  });
  const ended = once(child, "exit");
  assert.match(await readText(child.stdout), /^1\|2\|unix\|/);
  assert.deepEqual(await ended, [0, null]);
  assert.deepEqual(readdirSync(files.path), []);
});

test("an executor leaves SIGINT to its host", guard, async () => {
  await using executor = await launchExecutor(fixture("sample-executor"));
  process.kill(executor.plugin.pid, "SIGINT");
  const { report } = await executor.execute({ do: "echo" });
  assert.equal(report.outcome, "SUCCEEDED");
});

test("an executor whose host is gone forces its jobs and ends, with no socket left", guard, async () => {
  await using files = await directory();
  const forced = join(files.path, "forced");
  const host = spawn(process.execPath, [fixture("doomed-host"), files.path, forced], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const pid = Number(await new Promise<Buffer>((resolve) => host.stdout.once("data", resolve)));
  assert.ok(isRunning(pid));
  host.kill("SIGKILL");
  while (isRunning(pid)) await pause();
  // The connection breaks with the host; which of the two is noticed first is open.
  assert.match(readFileSync(forced, "utf8"), /^the host (is gone|dropped the call)$/);
  const sockets = readdirSync(files.path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isSocket());
  assert.deepEqual(sockets, []);
});

test(
  "an executor with an exception that nobody caught forces its jobs, answers nothing and ends with code 1",
  guard,
  async () => {
    await using files = await directory();
    const forced = join(files.path, "forced");
    await using executor = await launchExecutor(fixture("sample-executor"));
    const neighbour = executor.start({ do: "resist", text: forced });
    await neighbour.waitForStarted();
    const crashing = executor.start({ do: "crash" });
    await assert.rejects(crashing.finished, { code: "PLUGIN_EXITED" });
    await assert.rejects(neighbour.finished, { code: "PLUGIN_EXITED" });
    const exit = await executor.plugin.exited;
    assert.deepEqual([exit.code, exit.signal], [1, null]);
    assert.equal(readFileSync(forced, "utf8"), "the executor crashed");
    const logged = executor.logs.find(({ message }) => message === "uncaught exception");
    assert.deepEqual(
      [logged?.level, logged?.logger, logged?.fields["error"]],
      ["error", "sample", "nobody catches me"],
    );
  },
);

async function directory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "sdk-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A zombie does not count: whether it is reaped is not ours to say. */
function isRunning(pid: number): boolean {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return false;
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(path, "utf8"));
  } catch {
    // It ended between the two looks.
    return false;
  }
}
