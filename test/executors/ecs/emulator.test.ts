import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { Account } from "../../../executors/ecs/testing/account.ts";
import { createEcsExecutor } from "../../../executors/ecs/definition.ts";
import type { Report } from "@executor-host/sdk";
import { runExecutor, startExecutor, type RunOptions } from "@executor-host/sdk/testing";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";

const emulator = service("ecs");
const group = "/batch";

/** An executor of its own, and a look behind it. */
class Kit implements AsyncDisposable {
  readonly definition = createEcsExecutor();
  readonly account = new Account({
    region: emulator.endpoint("region"),
    endpoint: emulator.endpoint("api"),
    cluster: "tests",
  });

  config(config: Record<string, string>): Record<string, string> {
    return {
      ...{
        region: emulator.endpoint("region"),
        endpoint: emulator.endpoint("api"),
        access_key_id: "id",
        secret_access_key: "key",
      },
      ...{
        cluster: "tests",
        fargate: "yes",
        subnet: "subnet-1",
        poll_interval: "50ms",
        log_drain: "200ms",
        logs: "false",
      },
      ...config,
    };
  }

  run(config: Record<string, string>, options: RunOptions = {}) {
    return runExecutor(this.definition, this.config(config), options);
  }

  start(config: Record<string, string>, options: RunOptions = {}) {
    return startExecutor(this.definition, this.config(config), options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.definition.close?.();
    this.account[Symbol.dispose]();
  }
}

function evidenceOf(report: Report, key: string): string {
  return (report.evidence as Readonly<Record<string, string>>)[key] ?? "";
}

const container = (name: string) => ({
  name,
  image: "etl:3",
  memory: 64,
  essential: true,
  logConfiguration: {
    logDriver: "awslogs" as const,
    options: { "awslogs-group": group, "awslogs-stream-prefix": "run" },
  },
});

describe("the ecs executor and an emulator of the service", { ...guard, skip: emulator.skip }, () => {
  before(async () => {
    await using kit = new Kit();
    const { account } = kit;
    // The emulator moves a task on by one state with each look at it.
    const transition = { model_name: "ecs::task", transition: { progression: "manual", times: 1 } };
    const set = await fetch(`${emulator.endpoint("api")}/moto-api/state-manager/set-transition`, {
      method: "POST",
      body: JSON.stringify(transition),
    });
    assert.equal(set.status, 201);
    await account.createCluster();
    await account.register("one", container("main"));
    await account.register("two", container("main"), container("side"));
    await account.createLogGroup(group);
  });

  test("start a task with everything the job says, and follow it to its end", async () => {
    await using kit = new Kit();
    const config = {
      ...{ taskdefName: "one", service: "main", env: "LEVEL=info", overrides: "batch,--hourly", tags: "team=batch" },
      container_overrides: '[{"name":"main","memory":128}]',
    };
    const { report, events } = await kit.run(config, { id: `run-${Date.now()}`, jobName: "nightly" });
    assert.equal(report.outcome, "SUCCEEDED", report.message);
    assert.ok(events.some((event) => event.type === "progress" && event.message === "STOPPING"));
    const task = await kit.account.task(evidenceOf(report, "task"));
    assert.equal(task.launchType, "FARGATE");
    const [override] = task.overrides?.containerOverrides ?? [];
    assert.deepEqual(override?.command, ["batch", "--hourly"]);
    assert.equal(override?.memory, 128);
    assert.ok(override?.environment?.some(({ name, value }) => name === "LEVEL" && value === "info"));
    assert.ok(task.tags?.some(({ key, value }) => key === "executor-host:job" && value === "nightly"));
    assert.ok(task.tags?.some(({ key, value }) => key === "team" && value === "batch"));
  });

  test("do not start a second task for the same execution id", async () => {
    await using kit = new Kit();
    const id = `once-${Date.now()}`;
    const earlier = await kit.account.countTasks();
    const first = await kit.run({ taskdefName: "one" }, { id });
    const again = await kit.run({ taskdefName: "one" }, { id });
    assert.equal(again.report.evidence?.["task"], first.report.evidence?.["task"]);
    assert.equal(again.report.evidence?.["reattached"], true);
    assert.equal(await kit.account.countTasks(), earlier + 1);
    const other = await kit.run({ taskdefName: "one", env: "X=1" }, { id });
    assert.equal(other.report.code, "EXECUTION_ID_CONFLICT");
  });

  test("refuse containers that the definition does not have, before anything is started", async () => {
    await using kit = new Kit();
    const earlier = await kit.account.countTasks();
    const { report } = await kit.run({
      taskdefName: "two",
      service: "mian",
      container_overrides: '[{"name":"other"}]',
    });
    assert.equal(report.outcome, "REJECTED");
    assert.deepEqual(
      report.violations?.map(({ field, hint }) => [field, hint]),
      [
        ["service", "it has main, side"],
        ["container_overrides[0].name", "it has main, side"],
      ],
    );
    const unsaid = await kit.run({ taskdefName: "two", overrides: "x" });
    assert.equal(unsaid.report.violations?.[0]?.field, "service");
    assert.equal(await kit.account.countTasks(), earlier);
  });

  test("register a definition once, and use it again while its text is the same", async () => {
    await using kit = new Kit();
    const body = (image: string) =>
      JSON.stringify({ family: `inline-${process.pid}`, containerDefinitions: [{ ...container("main"), image }] });
    const first = await kit.run({ taskdefBody: body("etl:1") });
    const again = await kit.run({ taskdefBody: body("etl:1") });
    const other = await kit.run({ taskdefBody: body("etl:2") });
    const arns = [first, again, other].map(({ report }) => evidenceOf(report, "taskDefinition"));
    assert.match(arns[0]!, /:1$/);
    assert.equal(arns[1], arns[0]);
    assert.match(arns[2]!, /:2$/);
  });

  test("read the log of a container from CloudWatch, each event once and in order", async () => {
    await using kit = new Kit();
    const begun = kit.start({ taskdefName: "one", logs: "true", log_drain: "1s", poll_interval: "200ms" });
    const { target } = await begun.waitForStarted();
    const lines = Array.from({ length: 2_500 }, (_, index) => `line ${index}`);
    await kit.account.log(group, `run/main/${target.split("/").at(-1)}`, lines);
    const { stdout } = await begun.finished;
    assert.equal(stdout.toString(), `${lines.join("\n")}\n`);
  });

  test("stop a task that shall stop, and see it stopped", async () => {
    await using kit = new Kit();
    const begun = kit.start({ taskdefName: "one", poll_interval: "2s" });
    const { target } = await begun.waitForStarted();
    begun.cancel({ reason: "enough" });
    const { report } = await begun.finished;
    assert.equal(report.outcome, "CANCELLED");
    assert.deepEqual(report.stop?.survivors, []);
    const task = await kit.account.task(target.replace("task ", ""));
    assert.equal(task.lastStatus, "STOPPED");
    assert.equal(task.stoppedReason, "executor-host: enough");
  });

  test("say what there is not", async () => {
    await using kit = new Kit();
    const definition = await kit.run({ taskdefName: "nothing" });
    assert.equal(definition.report.code, "TASK_DEFINITION_NOT_FOUND", definition.report.message);
    const cluster = await kit.run({ taskdefName: "one", cluster: "nowhere" });
    assert.equal(cluster.report.code, "CLUSTER_NOT_FOUND", cluster.report.message);
  });

  test("take on a role", async () => {
    await using kit = new Kit();
    const role = { role_arn: "arn:aws:iam::123456789012:role/jobs", external_id: "ours" };
    const { report } = await kit.run({ taskdefName: "one", ...role });
    assert.equal(report.outcome, "SUCCEEDED", report.message);
  });

  test("probe the service without starting anything", async () => {
    await using kit = new Kit();
    const earlier = await kit.account.countTasks();
    const { value } = kit.definition.config.parse(kit.config({ taskdefName: "one" }));
    assert.ok(value);
    const answer = await kit.definition.probe!({ config: value, signal: AbortSignal.timeout(60_000) });
    assert.equal(answer.ok, true, answer.message);
    assert.equal(await kit.account.countTasks(), earlier);
  });
});
