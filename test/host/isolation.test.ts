import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, globSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { runCli } from "../../host/cli/fixtures/run-cli.ts";
import type { Executor } from "../../host/client/types.ts";
import type { IsolationSettings } from "../../host/settings/isolation.ts";
import { collect, until } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { guard } from "../support/guard.ts";
import { HostProcess } from "../support/host-process.ts";
import { TempDir } from "../support/temp-dir.ts";
import { TestHost, type TestHostOptions } from "../support/test-host.ts";

const nobody = 65_534;
const isRoot = process.getuid?.() === 0;
/** What this test itself runs on, should it be in a directory that is hidden from executors. */
const checkout = [join(import.meta.dirname, "../.."), dirname(process.execPath)].filter((path) =>
  /^\/(var\/)?tmp\//.test(path),
);

interface Evidence {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly home: string;
  readonly user: string;
  readonly noNewPrivileges: boolean;
  readonly visiblePids: number;
  readonly written?: string;
  readonly listed?: readonly string[] | string;
  readonly bred?: number;
}

async function executorOf({ client }: Pick<TestHost, "client">, name = "tenant"): Promise<Executor> {
  const { executors } = await client.listExecutors();
  const found = executors.find((executor) => executor.name === name);
  assert(found !== undefined, `${name} is listed`);
  return found;
}

async function evidenceOf({ client }: Pick<TestHost, "client">, config: Readonly<Record<string, string>> = {}) {
  const { result } = await collect(client.execute({ executor: "tenant", config }));
  assert.equal(result.outcome, "SUCCEEDED", result.message);
  return result.evidence as unknown as Evidence;
}

function sumsOf({ plugins }: TestHost, names: readonly string[]): ReadonlyMap<string, string> {
  const sumOf = (name: string) =>
    createHash("sha256")
      .update(readFileSync(`${plugins.path}/dkron-executor-${name}`))
      .digest("hex");
  return new Map(names.map((name) => [name, sumOf(name)]));
}

/**
 * Have an executor held by levels, and look whether it is. Where this machine cannot do that, look whether nothing is started and the reason is told:
 * that is what is promised then.
 */
async function held(
  isolation: IsolationSettings,
  look: (host: TestHost) => Promise<void>,
  { executors = ["tenant"], isPinned = false, settings, timeouts }: TestHostOptions & { isPinned?: boolean } = {},
): Promise<void> {
  const executorIsolation = new Map([["*", isolation]]);
  await using host = await TestHost.prepare({
    executors,
    settings: { ...settings, executorIsolation, requirePins: isPinned },
    timeouts,
  });
  if (isPinned) Object.assign(host.settings, { executorPins: sumsOf(host, executors) });
  // Whoever it runs as has to get there.
  chmodSync(host.dir.path, 0o711);
  await host.start();
  const { isolation: levels, state, reason } = await executorOf(host, executors[0]);
  const missed = levels.filter(({ problem }) => problem !== "");
  if (missed.length === 0) return await look(host);
  for (const { means, hint } of missed) assert.deepEqual([means, hint !== ""], ["", true]);
  assert.equal(state, "FAILED");
  assert.match(reason, /cannot be reached here: /);
  const refused = { code: "EXECUTOR_UNUSABLE", message: /cannot be reached here: / };
  await assert.rejects(collect(host.client.execute({ executor: executors[0] ?? "" })), refused);
}

describe("an executor's process is held by", guard, () => {
  test("a user of its own, whose sockets nobody else can get to", guard, () =>
    held({ user: "nobody" }, async (host) => {
      const { uid, groups, home, user, gid } = await evidenceOf(host);
      assert.deepEqual([uid, groups.includes(0), user, gid > 0], [nobody, false, "nobody", true]);
      assert.notEqual(home, process.env["HOME"]);
      const [directory = ""] = globSync(join(host.settings.runtimeDir, "*/p-*"));
      const { uid: owner, mode } = statSync(directory);
      assert.deepEqual([owner, mode & 0o777], [nobody, 0o700]);
      assert.equal(statSync(host.settings.runtimeDir).mode & 0o066, 0, "others pass and see nothing");
      assert.equal((await evidenceOf(host)).uid, nobody);
    }),
  );

  test("a user of its own, also where it calls the host back", guard, () =>
    held(
      { user: String(nobody), group: String(nobody) },
      async (host) => {
        const fixture = join(import.meta.dirname, "../fixtures/dkron-executor.ts");
        await host.plugins.script("dkron", `#!/bin/sh\nexec '${process.execPath}' '${fixture}' types.v1\n`);
        const { result, stdout, stderr } = await collect(host.client.execute({ executor: "dkron" }));
        assert.equal(result.outcome, "SUCCEEDED", result.message);
        assert.deepEqual([stdout.toString(), stderr.toString()], ["out\nremark", "err\n"]);
      },
      { executors: ["noop"] },
    ),
  );

  test("a limit on memory, whose end it is told by and nobody else suffers from", guard, () =>
    held({ memoryBytes: 320 * 1024 ** 2 }, async (host) => {
      await evidenceOf(host);
      const { result } = await collect(host.client.execute({ executor: "tenant", config: { eat: "2000" } }));
      const { outcome, code, message } = result;
      assert.deepEqual([outcome, code], ["EXECUTOR_CRASHED", "EXECUTOR_CRASHED"]);
      assert.match(message, /^executor process \d+ reached its memory limit of 320MiB and was ended by SIGKILL/);
      assert.match(
        (await executorOf(host)).lastCrash,
        /: process \d+ reached its memory limit of 320MiB and was ended/,
      );
      await evidenceOf(host);
    }),
  );

  test("a limit on processes", guard, () =>
    held({ pids: 60 }, async (host) => {
      const { bred = 0 } = await evidenceOf(host, { breed: "100" });
      assert(bred > 0 && bred < 60, `${bred} of 100`);
    }),
  );

  test("a limit on CPU time", guard, () =>
    held({ cpus: 0.5 }, async (host) => {
      await evidenceOf(host);
      const [, , place = ""] = ((await executorOf(host)).isolation[0]?.means ?? "").split(" ");
      const limits = globSync(join(place, "executor-host-*/*/cpu.{cfs_quota_us,max}")).map((file) =>
        readFileSync(file, "utf8"),
      );
      assert(
        limits.some((limit) => /^50000( 100000)?\n$/.test(limit)),
        limits.join(""),
      );
    }),
  );

  test("a view of the files that is read-only, but for what it may write to", guard, async () => {
    await held({ readOnly: true }, async (host) => {
      assert.equal((await evidenceOf(host, { write: host.dir.path })).written, "EROFS");
      assert.equal((await evidenceOf(host, { write: "/tmp" })).written, "EROFS");
      assert.equal((await evidenceOf(host, { write: "/dev/shm" })).written, isRoot ? "yes" : "EACCES");
    });
    await using dir = await TempDir.create();
    const work = dir.join("a b");
    mkdirSync(work);
    await held({ readOnly: true, writable: [work] }, async (host) => {
      assert.equal((await evidenceOf(host, { write: work })).written, "yes");
      assert.equal((await evidenceOf(host, { write: dirname(work) })).written, "EROFS");
    });
  });

  test("temporary directories of its own", guard, () =>
    held({ privateTmp: true, writable: checkout }, async (host) => {
      writeFileSync(host.path("secret"), "");
      const { listed = [] } = await evidenceOf(host, { list: host.dir.path });
      assert(!listed.includes("secret"), String(listed));
      assert.equal((await evidenceOf(host, { write: "/tmp" })).written, "yes");
    }),
  );

  test("a view of no processes but its own, which all end with it", guard, () =>
    held(
      { privatePids: true },
      async (host) => {
        const file = host.path("never");
        const stream = host.client.execute({ executor: "gate", config: { file } });
        await until(stream, (event) => event.type === "started");
        const { processes } = await executorOf(host, "gate");
        process.kill(processes[0]?.pid ?? 0, "SIGKILL");
        const last = (await Array.fromAsync(stream)).at(-1);
        assert(last?.type === "result");
        assert.deepEqual([last.result.outcome, last.result.stop], ["EXECUTOR_CRASHED", undefined]);
        const { visiblePids } = await evidenceOf(host);
        assert(visiblePids < 10, `${visiblePids} processes`);
        writeFileSync(file, "");
        const next = await collect(host.client.execute({ executor: "gate", config: { file } }));
        assert.equal(next.result.outcome, "SUCCEEDED");
      },
      { executors: ["gate", "tenant"] },
    ),
  );

  test("a namespace does not hide how large it is", guard, () =>
    held(
      { privatePids: true },
      async (host) => {
        await evidenceOf(host);
        await eventually("it is replaced", () => host.log.some((line) => line.includes('"reason":"it is large"')));
      },
      // More than the programs that hold it take, and less than any executor here.
      { settings: { executorMaxMemoryBytes: 16 * 1024 ** 2 }, timeouts: { wearIntervalMs: 50 } },
    ),
  );

  test("all of this at once, and by the sum of its file", guard, () =>
    held(
      {
        user: "nobody",
        noNewPrivileges: true,
        memoryBytes: 320 * 1024 ** 2,
        cpus: 2,
        pids: 100,
        readOnly: true,
        writable: checkout,
        privateTmp: true,
        privatePids: true,
      },
      async (host) => {
        const { uid, noNewPrivileges, visiblePids, written } = await evidenceOf(host, { write: "/tmp" });
        assert.deepEqual([uid, noNewPrivileges, visiblePids < 10, written], [nobody, true, true, "yes"]);
        assert.equal((await evidenceOf(host, { write: "/etc" })).written, "EROFS");
        const { result } = await collect(host.client.execute({ executor: "tenant", config: { eat: "2000" } }));
        assert.match(result.message, /reached its memory limit of 320MiB/);
        await evidenceOf(host);
        const { processes } = await executorOf(host);
        assert.equal(processes.length, 1);
      },
    ),
  );

  test("a wish for all executors and one of its own, level by level", guard, async () => {
    const executorIsolation = new Map<string, IsolationSettings>([
      ["*", { noNewPrivileges: true }],
      ["noop", { noNewPrivileges: undefined }],
      ["tenant", { user: undefined }],
    ]);
    await using host = await TestHost.start({ executors: ["tenant", "noop"], settings: { executorIsolation } });
    assert.deepEqual((await executorOf(host, "noop")).isolation, []);
    assert.deepEqual((await executorOf(host)).isolation, [
      { name: "no-new-privileges", value: "true", means: "setpriv", problem: "", hint: "" },
    ]);
    assert.equal((await evidenceOf(host)).noNewPrivileges, true);
  });
});

describe("a level that cannot be reached", guard, () => {
  test("keeps its executor from being started, is told everywhere, and is tried again", guard, async () => {
    await using dir = await TempDir.create();
    const lost = dir.join("no-such-directory");
    const executorIsolation = new Map<string, IsolationSettings>([["noop", { writable: [lost] }]]);
    await using host = await TestHost.start({ executors: ["noop", "tenant"], settings: { executorIsolation } });
    const { state, reason, isolation } = await executorOf(host, "noop");
    assert.equal(state, "FAILED");
    const missed = `its isolation writable=${lost} cannot be reached here: there is no directory ${lost}`;
    assert.equal(reason, `executor "noop" cannot be started: ${missed}`);
    assert.deepEqual(isolation, [
      {
        name: "writable",
        value: lost,
        means: "",
        problem: `there is no directory ${lost}`,
        hint: "make it, or take it out",
      },
    ]);
    const refused = { code: "EXECUTOR_UNUSABLE", message: reason, hint: "make it, or take it out" };
    await assert.rejects(host.client.describeExecutor("noop"), refused);
    assert.equal((await evidenceOf(host)).noNewPrivileges, false, "others are not concerned");
    mkdirSync(lost);
    await eventually("it is found", () =>
      host.client.describeExecutor("noop").then(
        () => true,
        () => false,
      ),
    );
    assert.equal((await collect(host.client.execute({ executor: "noop" }))).result.outcome, "SUCCEEDED");
  });

  test("is told by the commands, and by doctor for the machine", guard, async () => {
    await using host = await TestHost.prepare({ executors: ["noop"] });
    const levels = ["noop=user=no-such-user,no-new-privileges", "gone=pids=1"];
    const settings = [
      "--plugins-dir",
      host.plugins.path,
      "--state-dir",
      host.path("s"),
      "--runtime-dir",
      host.path("r"),
    ];
    const flags = [...settings, ...levels.flatMap((level) => ["--executor-isolation", level])];
    const doctor = await runCli(["doctor", ...flags]);
    assert.equal(doctor.code, 1, doctor.stderr);
    assert.match(doctor.stdout, /^ok +isolation +can be had: .*no-new-privileges \(setpriv\)/m);
    assert.match(doctor.stdout, /^warn +executor-isolation +no executor is named gone \(there are noop\)$/m);
    assert.match(
      doctor.stdout,
      /^FAIL +executor noop +.*user=no-such-user cannot be reached here: there is no user no-such-user/m,
    );
    const config = host.path("config.yaml");
    writeFileSync(config, `executor-isolation: ["${levels[0]}"]\n`);
    const executors = await runCli(["executors", "--plugins-dir", host.plugins.path, "--config", config]);
    assert.match(
      executors.stdout,
      /^noop is held by user=no-such-user \(NOT REACHED: there is no user no-such-user\), no-new-privileges \(setpriv\)$/m,
    );
    assert(!existsSync(host.path("s")), "nothing was made");
  });

  const uids = isRoot ? [nobody] : [];
  for (const uid of uids) {
    test("for a host without rights does not keep it from what it can", guard, async () => {
      const flags = ["tenant=no-new-privileges", "noop=user=root", "gate=private-pids"];
      await using host = await HostProcess.start({
        executors: ["tenant", "noop", "gate"],
        flags: flags.flatMap((flag) => ["--executor-isolation", flag]),
        uid,
      });
      const { noNewPrivileges, uid: own } = await evidenceOf(host);
      assert.deepEqual([noNewPrivileges, own], [true, uid]);
      for (const name of ["noop", "gate"]) {
        const { state, reason, isolation } = await executorOf(host, name);
        assert.equal(state, "FAILED");
        assert.match(reason, /cannot be reached here: \w/);
        assert.match(isolation[0]?.hint ?? "", /^only root can do that/);
      }
    });
  }
});
