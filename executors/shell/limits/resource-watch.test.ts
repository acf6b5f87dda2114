import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import type { UsageNow } from "@executor-host/sdk";
import type { RunningJob } from "../spawner/job-spawner.ts";
import { JobCgroup } from "./job-cgroup.ts";
import { ResourceWatch } from "./resource-watch.ts";

test(
  "where the kernel keeps no peak of a cgroup's memory, the most that was seen is told",
  { timeout: 60_000 },
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), "shell-watch-"));
    t.after(() => rmSync(directory, { recursive: true }));
    // The files of a kernel before 5.19.
    const place = { version: 2, directory } as const;
    const cgroup = await JobCgroup.create({ byController: { memory: place }, tracking: place }, "job", {
      memoryBytes: 4096,
    });
    assert.ok(cgroup !== undefined);
    mkdirSync(join(directory, "job"), { recursive: true });
    writeFileSync(join(directory, "job/cgroup.procs"), "");
    const looks: UsageNow[] = [];
    const looked = Promise.withResolvers<void>();
    let now = 3000;
    writeFileSync(join(directory, "job/memory.current"), String(now));
    const job = { pid: undefined, usage: undefined, processes: { supervision: undefined } } as unknown as RunningJob;
    using watch = new ResourceWatch({
      job,
      cgroup,
      memoryLimitBytes: 4096,
      onOutOfMemory: () => looked.reject(new Error("nobody was killed")),
      onUsage: (usage) => {
        looks.push(usage);
        now -= 1000;
        writeFileSync(join(directory, "job/memory.current"), String(now));
        if (looks.length === 2) looked.resolve();
      },
    });
    await looked.promise;
    assert.deepEqual(
      looks.map(({ memoryBytes, peakMemoryBytes }) => [memoryBytes, peakMemoryBytes]),
      [
        [3000, 3000],
        [2000, 3000],
      ],
    );
    assert.equal(watch.usage()?.peakMemoryBytes, 3000);
  },
);
