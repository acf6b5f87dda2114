import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { guard } from "../../support/guard.ts";
import { DockerKit, endpoint, skip } from "./support/docker.ts";

describe("a container", { ...guard, skip }, () => {
  test("gives its output on both channels, its exit code and its facts", async () => {
    await using kit = new DockerKit();
    const { report, stdout, stderr, events } = await kit.run(
      { command: `sh -c 'echo out; echo err >&2; exit 3'` },
      { id: "runs-1", jobName: "nightly" },
    );
    assert.equal(stdout.toString(), "out\n");
    assert.equal(stderr.toString(), "err\n");
    assert.equal(report.outcome, "FAILED");
    assert.equal(report.code, "EXIT_STATUS");
    assert.equal(report.exitCode, 3);
    const { containerId, containerName, engine, image } = report.evidence as Record<string, string>;
    assert.match(containerId!, /^[0-9a-f]{64}$/);
    assert.equal(containerName, "executor-host-runs-1-1");
    assert.match(engine!, /^(docker|podman) \d/);
    assert.equal(image, endpoint("busybox"));
    assert.deepEqual(
      events.filter(({ type }) => type === "started"),
      [{ ...events[0], type: "started", target: `container ${containerId!.slice(0, 12)} of ${image}` }],
    );
  });

  test("gets Dkron's keys, in Dkron's writing", async () => {
    await using kit = new DockerKit({ policy: { host_paths: { "/tmp": "ro" } } });
    const { report, stdout } = await kit.run({
      command: `sh -c 'echo "$LEVEL $REGION"; ls -d /in; touch /in/x'`,
      env: "LEVEL=info,REGION=eu",
      volumes: "/tmp:/in:ro",
    });
    assert.equal(stdout.toString(), "info eu\n/in\n");
    assert.equal(report.exitCode, 1, "what is mounted read-only cannot be written");
  });

  test("knows which execution it belongs to", async () => {
    await using kit = new DockerKit();
    const deadline = new Date(Date.now() + 3_600_000);
    const traceContext = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
    const { stdout } = await kit.run(
      { command: "env" },
      { id: "runs-env", attempt: 2, jobName: "nightly", deadline, traceContext },
    );
    const lines = stdout.toString().split("\n");
    for (const line of [
      "EXECUTION_ID=runs-env",
      "EXECUTION_ATTEMPT=2",
      "JOB_NAME=nightly",
      `EXECUTION_DEADLINE=${deadline.toISOString()}`,
      `TRACEPARENT=${traceContext.traceparent}`,
    ]) {
      assert.ok(lines.includes(line), line);
    }
  });

  test("takes entrypoint and command as they are, input, files, user, directory and limits", async () => {
    await using kit = new DockerKit();
    const { stdout } = await kit.run({
      entrypoint: '["sh","-c"]',
      command: JSON.stringify([
        "cat; cat /etc/app.conf; id -u; pwd; ulimit -n; hostname; cat /etc/hosts | grep db; df -k /scratch | tail -1 | awk '{print $2}'",
      ]),
      stdin: "a line\n",
      files: JSON.stringify([
        { path: "/etc/app.conf", content_base64: Buffer.from("level=info\n").toString("base64") },
      ]),
      user: "65534:65534",
      workdir: "/tmp",
      ulimits: "nofile=77:88",
      hostname: "worker",
      extra_hosts: '{"db.example.test":"10.0.0.7"}',
      mounts: '[{"type":"tmpfs","target":"/scratch","size":"1MB"}]',
      memory: "64MB",
      cpus: "0.5",
      pids: "50",
      cap_drop: "ALL",
      init: "true",
      labels: '{"team":"batch"}',
    });
    const expected = ["a line", "level=info", "65534", "/tmp", "77", "worker", "10.0.0.7\tdb.example.test", "1024", ""];
    assert.deepEqual(stdout.toString().split("\n"), expected);
  });

  test("has safe defaults: no network but its own, no new rights, and a file system that can be made read-only", async () => {
    await using kit = new DockerKit();
    const script = "ls /sys/class/net; grep NoNewPrivs /proc/self/status; touch /x";
    const { stdout, report } = await kit.run({ command: JSON.stringify(["sh", "-c", script]), read_only: "true" });
    assert.match(stdout.toString(), /^lo\nNoNewPrivs:\t1\n$/);
    assert.equal(report.exitCode, 1);
  });

  test("that goes over its memory ends OUT_OF_MEMORY", async () => {
    await using kit = new DockerKit();
    const { report } = await kit.run({ command: "tail /dev/zero", memory: "32MB" });
    assert.equal(report.outcome, "OUT_OF_MEMORY");
    assert.equal(report.code, "MEMORY_LIMIT");
    assert.equal(report.signal, "SIGKILL");
  });

  test("that a signal ends tells which", async () => {
    await using kit = new DockerKit();
    const { report } = await kit.run({ command: `sh -c 'kill -USR1 $$'`, init: "true" });
    assert.equal(report.code, "KILLED_BY_SIGNAL");
    assert.equal(report.signal, "SIGUSR1");
  });

  test("with a program that cannot be started has had no effect", async () => {
    await using kit = new DockerKit();
    const missing = await kit.run({ command: "no-such-program" });
    assert.equal(missing.report.code, "COMMAND_NOT_FOUND");
    assert.equal(missing.report.effect, "NONE");
    const unusable = await kit.run({ command: "/etc/passwd" });
    assert.equal(unusable.report.code, "COMMAND_NOT_EXECUTABLE");
    assert.equal(unusable.report.retryability, "PERMANENT");
  });

  test("that the engine refuses says why", async () => {
    await using kit = new DockerKit();
    const { report } = await kit.run({ command: "true", network: "no-such-network" });
    assert.equal(report.outcome, "FAILED");
    assert.match(report.message ?? "", /no-such-network/);
    assert.equal(report.effect, "NONE");
  });

  test("that fails can be kept for a look at it", async () => {
    await using kit = new DockerKit();
    const { report } = await kit.run({ command: "false", keep_failed: "true" }, { id: "runs-kept" });
    const [name = "", ...others] = await kit.containersOf("runs-kept");
    assert.deepEqual(others, []);
    assert.match(name, /^executor-host-runs-kept-1-kept-[0-9a-f]{12}$/);
    assert.ok(report.warnings?.includes(`the container is kept as ${name}`));
    const again = await kit.run({ command: "true" }, { id: "runs-kept" });
    assert.equal(again.report.outcome, "SUCCEEDED", "a kept container is nobody's any more");
    await kit.docker("rm", "--force", name);
  });

  test("is looked at for what it uses", async () => {
    await using kit = new DockerKit();
    const started = kit.start({ command: "sleep 60", usage_interval: "100ms" });
    await started.waitFor((event) => event.type === "usage" && (event.memoryBytes ?? 0) > 0);
    started.cancel({ graceMs: 0 });
    const { report } = await started.finished;
    assert.ok((report.usage?.peakMemoryBytes ?? 0) > 0);
    assert.equal(report.usage?.source, "sampled");
  });

  test("that becomes healthy goes on, and one that does not is stopped", async () => {
    await using kit = new DockerKit();
    const healthy = kit.start({ image: endpoint("healthy"), wait_healthy: "1m" });
    await healthy.waitFor((event) => event.type === "progress" && event.message === "healthy");
    healthy.cancel({ graceMs: 0 });
    assert.equal((await healthy.finished).report.outcome, "CANCELLED");
    const unhealthy = await kit.run({ image: endpoint("unhealthy"), wait_healthy: "1m", stop_signal: "SIGKILL" });
    assert.equal(unhealthy.report.code, "UNHEALTHY");
    assert.match(unhealthy.report.message ?? "", /^the container is unhealthy/);
    const unasked = await kit.run({ command: "sleep 60", wait_healthy: "1m", stop_signal: "SIGKILL" });
    assert.equal(unasked.report.message, "the container has no health check; set healthcheck");
  });
});

describe("a machine's policy", { ...guard, skip }, () => {
  test("forbids by default what would open the host, and says who can allow it", async () => {
    await using kit = new DockerKit();
    const { report } = await kit.run({
      privileged: "true",
      no_new_privileges: "false",
      network: "host",
      cap_add: "NET_ADMIN",
      volumes: "/etc:/host/etc:ro,named:/data",
    });
    assert.equal(report.outcome, "REJECTED");
    assert.deepEqual(
      report.violations?.map(({ field }) => field),
      ["privileged", "no_new_privileges", "network", "cap_add", "volumes"],
    );
    assert.equal(
      report.violations?.at(-1)?.hint,
      "whoever runs this machine can allow it: host_paths in the executor's policy",
    );
  });

  test("can allow it", async () => {
    await using kit = new DockerKit({ policy: { networks: ["host"], capabilities: ["SYS_TIME"], max_memory: "64MB" } });
    const config = { command: "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max" };
    const { stdout, report } = await kit.run({ ...config, network: "host", cap_add: "CAP_SYS_TIME" });
    assert.equal(report.violations, undefined);
    assert.equal(stdout.toString().trim(), String(64 * 1024 ** 2), "who asks for no limit gets the highest allowed");
    assert.equal((await kit.run({ memory: "65MB" })).report.violations?.[0]?.field, "memory");
    assert.equal((await kit.run({ network: "other" })).report.violations?.[0]?.field, "network");
  });
});

describe("a probe", { ...guard, skip }, () => {
  test("tells who the engine is and whether it has the image", async () => {
    await using kit = new DockerKit();
    const signal = AbortSignal.timeout(60_000);
    const probe = (config: Record<string, string>) => {
      const { value } = kit.definition.config.parse(kit.config(config));
      assert.ok(value);
      return kit.definition.probe!({ config: value, signal });
    };
    const good = await probe({});
    assert.equal(good.ok, true);
    assert.equal(good.details?.["hasImage"], true);
    const missing = await probe({ image: "no-such-image:1" });
    assert.equal(missing.code, "IMAGE_NOT_FOUND");
    const nobody = await probe({ endpoint: "unix:///nowhere/docker.sock" });
    assert.equal(nobody.code, "ENGINE_UNREACHABLE");
  });
});
