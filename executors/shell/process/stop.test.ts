import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import test from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { limits } from "../defaults.ts";
import type { RunningJob } from "../spawner/job-spawner.ts";
import { readProcess } from "./proc.ts";
import { stopJob } from "./stop.ts";

test("who is found only after a long look is killed all the same", { timeout: 60_000 }, async () => {
  const child = spawn("sleep", ["1000"], { stdio: "ignore" });
  const ended = once(child, "exit");
  await once(child, "spawn");
  // It has left the job's group.
  const processes = { signalGroup: () => false, inGroup: () => false } as unknown as RunningJob["processes"];
  let looks = 0;
  const report = await stopJob(
    {
      job: { pid: undefined, exited: ended.then(() => ({ signal: "SIGKILL" }) as const), processes },
      members: async () => {
        looks += 1;
        if (looks === 1) await delay(limits.killMs + 100);
        const found = readProcess(child.pid ?? 0);
        return found === undefined || found.zombie ? [] : [found];
      },
      supervision: undefined,
      cgroup: undefined,
    },
    { stopSignal: "SIGTERM", graceMs: 0, reason: "test", forceSignal: new AbortController().signal },
  );
  child.kill("SIGKILL");
  assert.deepEqual(report.survivors, []);
  assert.deepEqual(await ended, [null, "SIGKILL"]);
});
