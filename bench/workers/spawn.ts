// Bare `child_process.spawn`, in a small process of its own: the control for jobs.
import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";
import { burst, type BurstOptions } from "../lib/burst.ts";
import { memoryOf } from "../lib/proc.ts";
import { quantile } from "../lib/stats.ts";
import { answer } from "../lib/worker.ts";

const handlers = {
  burst({ command, ...options }: { command: readonly [string, ...string[]] } & BurstOptions) {
    return burst(options, () => run(command));
  },

  /** How long each call of spawn takes until it returns. */
  async heldUp({ command, count }: { command: readonly [string, ...string[]]; count: number }) {
    const heldUpMs: number[] = [];
    for (let each = 0; each < count; each++) {
      const startedMs = performance.now();
      const ended = run(command);
      heldUpMs.push(performance.now() - startedMs);
      await ended;
    }
    const { rssMb } = memoryOf(process.pid);
    return { p50Ms: quantile(heldUpMs, 0.5), p99Ms: quantile(heldUpMs, 0.99), rssMb };
  },

  /** A shell's own loop. @returns jobs per second */
  async xargs({ count, concurrency, program }: BurstOptions & { program: string }): Promise<number> {
    const startedMs = performance.now();
    await promisify(execFile)("/bin/sh", ["-c", `seq ${count} | xargs -P${concurrency} -n1 ${program} >/dev/null`]);
    return (count / (performance.now() - startedMs)) * 1000;
  },

  /** Run a command line and read what it writes, doing nothing with it. */
  async receive({ command }: { command: string }) {
    const startedMs = performance.now();
    const outputBytes = await run(["/bin/sh", "-c", command]);
    return { outputBytes, elapsedMs: performance.now() - startedMs };
  },
};

export type SpawnWorker = typeof handlers;

answer(handlers);

/** @returns bytes of both outputs, when the process and its pipes are closed */
function run([file, ...args]: readonly [string, ...string[]]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
    let bytes = 0;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data: Buffer) => {
        bytes += data.length;
      });
    }
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve(bytes) : reject(new Error(`${file} exited with code ${code}`))));
  });
}
