import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EventStream } from "../../../host/client/event-stream.ts";
import { collect, until } from "../../support/collect.ts";
import { eventually } from "../../support/eventually.ts";
import { HostProcess, type HostProcessOptions } from "../../support/host-process.ts";
import { openDescriptors } from "../../support/processes.ts";
import { ends, verdictOf, type FaultRow, type Played, type Verdict } from "./fault-row.ts";
import { refusalOf } from "./stage.ts";

const day = 24 * 60 * 60 * 1000;
const executor = "mortal";
const succeeded = ends("SUCCEEDED", "", "NONE");
const clockJump = join(import.meta.dirname, "../../fixtures/clock-jump.ts");

/** What happens to the host itself. */
export const hostFaults: readonly FaultRow[] = [
  {
    fault: "host ended by SIGKILL",
    phase: "running",
    ends: ends("LOST", "HOST_ENDED", "UNKNOWN"),
    play: killed,
  },
  { fault: "host told to end by SIGTERM", phase: "running", ends: succeeded, play: drained },
  { fault: "host stopped by SIGSTOP, and continued", phase: "running", ends: succeeded, play: stopped },
  {
    fault: "the host has no descriptors left",
    phase: "start of an executor",
    ends: ends("REFUSED", "EXECUTOR_UNUSABLE", "NONE"),
    siblings: "go on",
    play: withoutDescriptors,
  },
  {
    fault: "the host's clock jumps forward by a day",
    phase: "running",
    ends: succeeded,
    siblings: "go on",
    play: () => clockJumps(day),
  },
  {
    fault: "the host's clock jumps back by a day",
    phase: "running",
    ends: succeeded,
    siblings: "go on",
    play: () => clockJumps(-day),
  },
];

interface Scene {
  readonly host: HostProcess;
  /** Of the execution that runs. */
  readonly stream: EventStream;
  /** What waits may go on. */
  open(): void;
}

/** A host as a process of its own, with one execution. */
async function play(options: HostProcessOptions, scene: (scene: Scene) => Promise<Played>): Promise<Played> {
  await using host = await HostProcess.start({ ...options, executors: [executor, "noop"] });
  const file = host.path("open");
  const stream = host.client.execute({ id: "struck", executor, config: { file } });
  await until(stream, (event) => event.type === "started");
  return await scene({ host, stream, open: () => writeFileSync(file, "") });
}

async function endOf(stream: EventStream): Promise<Verdict> {
  const last = (await Array.fromAsync(stream)).at(-1);
  assert(last?.type === "result");
  return verdictOf(last.result);
}

/** @returns how long it took until something new had succeeded */
async function recovery(host: HostProcess, prepare?: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await prepare?.();
  const { result } = await collect(host.client.execute({ executor, config: { file: host.path("open") } }));
  assert.equal(result.outcome, "SUCCEEDED", result.message);
  return performance.now() - startedMs;
}

function killed(): Promise<Played> {
  return play({}, async ({ host, stream, open }) => {
    const struckMs = performance.now();
    process.kill(host.pid, "SIGKILL");
    await Array.fromAsync(stream).then(
      () => assert.fail("the stream ended in order"),
      () => undefined,
    );
    const detectMs = performance.now() - struckMs;
    await host.kill();
    await eventually("no executor outlives it", () => host.leftProcesses().length === 0);
    open();
    const recoverMs = await recovery(host, () => host.start());
    const { result } = await host.client.get("struck");
    return { verdict: result && verdictOf(result), siblings: [], detectMs, recoverMs };
  });
}

function drained(): Promise<Played> {
  return play({}, async ({ host, stream, open }) => {
    const struckMs = performance.now();
    process.kill(host.pid, "SIGTERM");
    await eventually("it drains", () => host.log.includes("draining"));
    const detectMs = performance.now() - struckMs;
    open();
    const verdict = await endOf(stream);
    assert.deepEqual(await host.ended, { code: 0, signal: null });
    assert.deepEqual(host.leftProcesses(), []);
    return { verdict, siblings: [], detectMs, recoverMs: await recovery(host, () => host.start()) };
  });
}

function stopped(): Promise<Played> {
  return play({}, async ({ host, stream, open }) => {
    process.kill(host.pid, "SIGSTOP");
    await eventually("it stands still", () => /\) T /.test(readFileSync(`/proc/${host.pid}/stat`, "latin1")));
    open();
    process.kill(host.pid, "SIGCONT");
    const verdict = await endOf(stream);
    return { verdict, siblings: [], detectMs: undefined, recoverMs: await recovery(host) };
  });
}

/** What needs a descriptor is refused, and what needs none goes on. */
function withoutDescriptors(): Promise<Played> {
  const limit = 100;
  return play({ prelude: `ulimit -n ${limit}` }, async ({ host, stream, open }) => {
    const sockets: Socket[] = [];
    for (let index = 0; index < 150; index++) {
      const socket = connect(`${host.runtimeDir}/host.sock`);
      socket.on("error", () => undefined); // refused, as expected
      sockets.push(socket);
    }
    await eventually("they run out", () => openDescriptors(host.pid).length >= limit - 2);
    const struckMs = performance.now();
    const verdict = await refusalOf(() => host.client.submit({ executor: "noop" }));
    const detectMs = performance.now() - struckMs;
    open();
    const sibling = await endOf(stream);
    for (const socket of sockets) socket.destroy();
    const recoverMs = await recovery(host, () =>
      eventually("an executor can be started", () =>
        collect(host.client.execute({ executor: "noop" })).then(
          ({ result }) => result.outcome === "SUCCEEDED",
          () => false,
        ),
      ).then(() => undefined),
    );
    return { verdict, siblings: [sibling], detectMs, recoverMs };
  });
}

/** Limits and waits are about time that passes, whatever the clock says meanwhile. */
function clockJumps(jumpMs: number): Promise<Played> {
  const prelude = `export NODE_OPTIONS='--import=${clockJump}' CLOCK_JUMP_MS=${jumpMs}`;
  // The executors' clock stays: certificates that the two make for each other would not be valid yet.
  return play({ prelude, flags: ["--no-auto-mtls"] }, async ({ host, stream, open }) => {
    const mended = host.path("mended");
    await host.plugins.script(
      "broken",
      `#!/bin/sh\n[ -e '${mended}' ] || exit 1\nexec "$(dirname "$0")/dkron-executor-noop"\n`,
    );
    const limits = { queueTimeoutMs: day / 2, attemptTimeoutMs: day / 2, totalTimeoutMs: day / 2 };
    const limited = host.client.execute({ executor, config: { file: host.path("open") }, limits });
    await until(limited, (event) => event.type === "started");
    await refusalOf(() => host.client.submit({ executor: "broken" }));
    process.kill(host.pid, "SIGUSR2");
    // A pause after a failed start is one of seconds, and not until the clock is there again.
    writeFileSync(mended, "");
    await eventually("a mended executor works", () =>
      host.client.submit({ executor: "broken" }).then(
        () => true,
        () => false,
      ),
    );
    open();
    const verdict = await endOf(stream);
    return { verdict, siblings: [await endOf(limited)], detectMs: undefined, recoverMs: await recovery(host) };
  });
}
