import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chown, mkdtemp, readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { promisify } from "node:util";
import type { Report } from "@executor-host/sdk";
import { findCgroupPlaces } from "../limits/cgroup-places.ts";
import { needsRoot, needsSupervisor, needsUnifiedCgroups } from "./support/needs.ts";

// What an executor does that is neither root nor the owner of a cgroup. Started as such by a test that is root.

const hang = { timeout: 60_000 };
const fixture = join(import.meta.dirname, "fixtures/run-shell.ts");
/** The user "nobody" of every Linux. */
const nobody = 65534;

async function runAsNobody(config: Readonly<Record<string, string>>): Promise<{ report: Report; output: string }> {
  const { stdout } = await promisify(execFile)(process.execPath, [fixture, JSON.stringify(config)], {
    uid: nobody,
    gid: nobody,
    cwd: "/",
    env: { PATH: process.env["PATH"] ?? "" },
  });
  return JSON.parse(stdout) as { report: Report; output: string };
}

/** As `runAsNobody`, in a cgroup of version 2 that is delegated to that user. */
async function runDelegated(
  directory: string,
  config: Readonly<Record<string, string>>,
): Promise<{ report: Report; output: string }> {
  const owned = ["", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];
  for (const file of owned) await chown(join(directory, file), nobody, nobody);
  const enter = 'echo $$ > "$1/cgroup.procs" && shift && exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"';
  const args = ["-c", enter, "sh", directory, process.execPath, fixture, JSON.stringify(config)];
  const { stdout } = await promisify(execFile)("/bin/sh", args, { cwd: "/", env: { PATH: process.env["PATH"] ?? "" } });
  return JSON.parse(stdout) as { report: Report; output: string };
}

async function run(
  t: TestContext,
  config: Readonly<Record<string, string>>,
): Promise<{ report: Report; output: string } | undefined> {
  return needsRoot(t) ? await runAsNobody(config) : undefined;
}

test("without root, jobs run", hang, async (t) => {
  const result = await run(t, { command: "id -u; cat; echo $0 > /dev/stderr", shell: "true", payload: "aGkK" });
  assert.equal(result?.report.outcome, "SUCCEEDED");
  assert.equal(result?.output, "65534\nhi\n/bin/sh\n");
});

test("without root, another user is refused before the job has begun", hang, async (t) => {
  for (const config of [{ su: "root" }, { user: "root" }, { group: "root" }, { su: "nobody:root" }]) {
    const result = await run(t, { command: "id", ...config });
    if (result === undefined) return;
    assert.equal(result.report.code, "USER_CHANGE_REFUSED");
    assert.equal(result.report.effect, "NONE");
    assert.match(result.report.message ?? "", /^cannot run as (user|group) \w+.*: the executor does not run as root$/);
    assert.match(result.report.hint ?? "", /root/);
  }
});

test("without root, the executor's own user can be named", hang, async (t) => {
  const result = await run(t, { command: "printenv HOME", su: "nobody" });
  assert.equal(result?.report.outcome, "SUCCEEDED");
  assert.equal(result?.output, "/nonexistent\n");
});

test("without a cgroup, a memory limit is held by measuring, which the result says", hang, async (t) => {
  const result = await run(t, {
    command: "(head -c 300m /dev/zero; sleep 600) | tail",
    shell: "true",
    mem_limit: "64MB",
  });
  if (result === undefined) return;
  const { report } = result;
  assert.equal(report.outcome, "OUT_OF_MEMORY");
  assert.equal(report.signal, "SIGKILL");
  assert.equal(report.evidence?.["memoryLimitHeldBy"], "measuring");
  assert.equal(report.usage?.source, "sampled");
  assert.ok((report.usage?.peakMemoryBytes ?? 0) > 64 * 1024 * 1024);
  assert.match(report.message ?? "", /^out of memory: limit 64MB, peak \d+(\.\d)?MB \(signal: killed\)$/);
  assert.match(report.warnings?.join() ?? "", /mem_limit is held by measuring/);
  assert.deepEqual(report.stop?.survivors, []);
});

test("without a cgroup, memory of processes that lost their parent and their session counts", hang, async (t) => {
  const result = await run(t, {
    command: "(setsid sh -c '(head -c 300m /dev/zero; sleep 600) | tail' &); sleep 600",
    shell: "true",
    mem_limit: "64MB",
  });
  assert.equal(result?.report.outcome, "OUT_OF_MEMORY");
});

test("without a cgroup, memory that processes share counts once", hang, async (t) => {
  // Four processes of one large program: about 190 MB when each is counted in full, and about 100 MB as it is.
  const script = "setTimeout(() => {}, 1500)";
  const result = await run(t, {
    command: `for i in 1 2 3 4; do ${process.execPath} -e '${script}' & done; wait`,
    shell: "true",
    mem_limit: "140MB",
  });
  assert.equal(result?.report.outcome, "SUCCEEDED", result?.report.message);
});

test("without a cgroup, a cpu or process limit is not enforced, which the result says", hang, async (t) => {
  const result = await run(t, { command: "true", cpu_limit: "1", pids_limit: "10" });
  if (result === undefined) return;
  assert.equal(result.report.outcome, "SUCCEEDED");
  assert.deepEqual(result.report.warnings, [
    "cpu_limit is not enforced: no cpu cgroup can be made here",
    "pids_limit is not enforced: no pids cgroup can be made here",
  ]);
  const { cpuLimitHeldBy, pidsLimitHeldBy } = result.report.evidence ?? {};
  assert.deepEqual([cpuLimitHeldBy, pidsLimitHeldBy], ["nothing", "nothing"]);
});

test("without a cgroup, isolation cgroup is refused before the job has begun", hang, async (t) => {
  const result = await run(t, { command: "true", isolation: "cgroup" });
  if (result === undefined) return;
  assert.equal(result.report.code, "ISOLATION_UNAVAILABLE");
  assert.equal(result.report.effect, "NONE");
});

test("without root, a job in a delegated cgroup is ended in one step", hang, async (t) => {
  if (!needsRoot(t) || !(await needsUnifiedCgroups(t))) return;
  const { tracking } = await findCgroupPlaces();
  const directory = await mkdtemp(join(tracking?.directory ?? "", "delegated-"));
  t.after(() => rmdir(directory));
  const { report } = await runDelegated(directory, {
    command: "(setsid sleep 600 >/dev/null 2>&1 &); sleep 600",
    shell: "true",
    isolation: "cgroup",
    timeout: "1s",
    grace: "0s",
  });
  assert.equal(report.outcome, "TIMED_OUT", report.message);
  assert.deepEqual(
    report.stop?.steps.map(({ action }) => action),
    ["SIGKILL", "cgroup.kill", "verify"],
  );
  assert.deepEqual(
    await readdir(directory, { withFileTypes: true }).then((all) => all.filter((one) => one.isDirectory())),
    [],
  );
});

test("without root, a lower nice value is refused before the job has begun", hang, async (t) => {
  const result = await run(t, { command: "echo ran", nice: "-5" });
  if (result === undefined) return;
  assert.equal(result.report.code, "SETUP_FAILED");
  assert.match(result.report.hint ?? "", /nice/);
  assert.equal(result.output, "");
});

test("without root, a limit cannot be raised, which is told before the job has begun", hang, async (t) => {
  const result = await run(t, { command: "echo ran", open_files_limit: "1000000" });
  if (result === undefined) return;
  assert.equal(result.report.code, "SETUP_FAILED");
  assert.match(result.report.message ?? "", /cannot set a limit of the job: .*ulimit/);
  assert.equal(result.output, "");
});

test("without root, files can be read-only and the network away where user namespaces are allowed", hang, async (t) => {
  const command = "touch /tmp/x 2>/dev/null || echo refused; tail -n +3 /proc/net/dev | wc -l; id -u";
  const result = await run(t, { command, shell: "true", read_only: "true", network: "none" });
  if (result === undefined || !needsSupervisor(t)) return;
  if (result.report.code === "ISOLATION_UNAVAILABLE" && process.env["CI"] !== "true")
    return t.skip(result.report.message);
  assert.equal(result.report.outcome, "SUCCEEDED", result.report.message);
  assert.equal(result.output, "refused\n1\n65534\n");
});
