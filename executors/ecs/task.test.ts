import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { definitionOf, inTurn, ScriptedTask, taskArn, taskIn, type Happenings } from "./testing/scripted-task.ts";

const guard = { timeout: 120_000 };
const stopped = (more: Readonly<Record<string, unknown>>): Happenings => ({
  DescribeTasks: () => ({ tasks: [taskIn("STOPPED", more)] }),
});

describe("a task", guard, () => {
  test("is followed through its states to its end", async () => {
    const states = ["PROVISIONING", "PENDING", "RUNNING", "DEPROVISIONING", "STOPPED"];
    await using task = await ScriptedTask.start({
      DescribeTasks: inTurn({ tasks: [] }, ...states.map((state) => ({ tasks: [taskIn(state)] }))),
      GetLogEvents: inTurn(
        { error: "ResourceNotFoundException" },
        { events: [{ message: "one" }, { message: "two" }], nextForwardToken: "f/1" },
        { events: [], nextForwardToken: "f/1" },
        { events: [{ message: "three" }], nextForwardToken: "f/2" },
        { events: [], nextForwardToken: "f/2" },
      ),
    });
    const { report, stdout, events } = await task.run({}, { id: "run-1", jobName: "nightly" });
    assert.equal(report.outcome, "SUCCEEDED", report.message);
    assert.equal(report.exitCode, 0);
    assert.equal(report.evidence?.["task"], taskArn);
    assert.equal(stdout.toString(), "one\ntwo\nthree\n");
    const seen = events.flatMap((event) => (event.type === "progress" ? [event.message] : []));
    assert.deepEqual(seen, states.slice(0, -1));
    const asked = task.api.calls.find(({ name }) => name === "RunTask")?.input;
    assert.match(String(asked?.["startedBy"]), /^eh-[0-9a-f]{32}$/);
    assert.match(String(asked?.["clientToken"]), /^[0-9a-f]{64}$/);
  });

  test("logs every container, each under its name, and is read to the end after it has stopped", async () => {
    const pages = new Map<string, number>();
    await using task = await ScriptedTask.start({
      DescribeTaskDefinition: () => definitionOf(["main", true], ["side", false]),
      DescribeTasks: inTurn(
        { tasks: [taskIn("RUNNING")] },
        {
          tasks: [
            taskIn("STOPPED", {
              containers: [
                { name: "main", exitCode: 0 },
                { name: "side", exitCode: 9 },
              ],
            }),
          ],
        },
      ),
      GetLogEvents: ({ logStreamName, nextToken }) => {
        const page = (pages.get(String(logStreamName)) ?? 0) + 1;
        pages.set(String(logStreamName), page);
        // The third page comes after the task's end.
        if (page > 3) return { events: [], nextForwardToken: String(nextToken) };
        return { events: [{ message: `page ${page}` }], nextForwardToken: `f/${page}` };
      },
    });
    const { report, stdout } = await task.run();
    assert.equal(report.outcome, "SUCCEEDED", "a container that is not essential does not decide");
    for (const name of ["main", "side"]) {
      const lines = stdout
        .toString()
        .split("\n")
        .filter((line) => line.startsWith(`[${name}]`));
      assert.deepEqual(
        lines,
        [1, 2, 3].map((page) => `[${name}] page ${page}`),
      );
    }
    assert.deepEqual(
      [...pages.keys()].toSorted((a, b) => a.localeCompare(b)),
      ["run/main/0123456789abcdef0123456789abcdef", "run/side/0123456789abcdef0123456789abcdef"],
    );
  });

  const ends: readonly [
    what: string,
    task: Record<string, unknown>,
    code: string | undefined,
    retryability: string | undefined,
  ][] = [
    ["whose container fails", { containers: [{ name: "main", exitCode: 3 }] }, "EXIT_STATUS", undefined],
    ["whose container is killed", { containers: [{ name: "main", exitCode: 143 }] }, "KILLED_BY_SIGNAL", undefined],
    [
      "that is interrupted on spot capacity",
      { stopCode: "SpotInterruption", stoppedReason: "Your Spot Task was interrupted." },
      "SPOT_INTERRUPTION",
      "RETRYABLE",
    ],
    ["whose machine goes away", { stopCode: "TerminationNotice" }, "HOST_TERMINATED", "RETRYABLE"],
    [
      "that somebody else stops",
      { stopCode: "UserInitiated", containers: [{ name: "main", exitCode: 137 }] },
      "TASK_STOPPED",
      undefined,
    ],
    [
      "without an image",
      { stopCode: "TaskFailedToStart", stoppedReason: "CannotPullContainerError: not found", containers: [] },
      "IMAGE_UNAVAILABLE",
      undefined,
    ],
    [
      "without capacity",
      { stopCode: "TaskFailedToStart", stoppedReason: "Capacity is unavailable at this time", containers: [] },
      "NO_CAPACITY",
      "RETRYABLE",
    ],
    ["that leaves no exit code", { containers: [{ name: "main" }] }, "NO_EXIT_CODE", undefined],
    [
      "that runs out of memory",
      {
        containers: [{ name: "main", exitCode: 137, reason: "OutOfMemoryError: Container killed due to memory usage" }],
      },
      "MEMORY_LIMIT",
      undefined,
    ],
  ];
  for (const [what, state, code, retryability] of ends) {
    test(`${what} ends with ${code}`, async () => {
      await using task = await ScriptedTask.start(stopped(state));
      const { report } = await task.run({ logs: "false" });
      assert.equal(report.outcome, code === "MEMORY_LIMIT" ? "OUT_OF_MEMORY" : "FAILED");
      assert.equal(report.code, code);
      assert.equal(report.retryability, retryability);
    });
  }

  test("that the service cannot place has had no effect, and may be tried again", async () => {
    await using task = await ScriptedTask.start({
      RunTask: () => ({ tasks: [], failures: [{ arn: "i-1", reason: "RESOURCE:MEMORY" }] }),
    });
    const { report } = await task.run();
    assert.equal(report.code, "NO_CAPACITY");
    assert.equal(report.retryability, "RETRYABLE");
    assert.equal(report.effect, "NONE");
  });
});

describe("a task that shall stop", guard, () => {
  test("is stopped, and seen to have stopped", async () => {
    let isStopped = false;
    await using task = await ScriptedTask.start({
      DescribeTasks: () => ({
        tasks: [
          isStopped
            ? taskIn("STOPPED", { stopCode: "UserInitiated", containers: [{ name: "main", exitCode: 143 }] })
            : taskIn("RUNNING"),
        ],
      }),
      StopTask: () => ((isStopped = true), { task: {} }),
    });
    const begun = task.begin({ logs: "false" });
    await begun.waitFor((event) => event.type === "progress");
    begun.cancel({ reason: "enough" });
    const { report } = await begun.finished;
    assert.equal(report.outcome, "CANCELLED");
    assert.equal(report.exitCode, 143);
    assert.deepEqual(
      report.stop?.steps.map(({ action }) => action),
      ["StopTask"],
    );
    assert.deepEqual(report.stop?.survivors, []);
    assert.equal(task.api.calls.find(({ name }) => name === "StopTask")?.input["reason"], "executor-host: enough");
  });

  test("after its time is up ends TIMED_OUT, also when the stop is throttled at first", async () => {
    let stops = 0;
    await using task = await ScriptedTask.start({
      DescribeTasks: () => ({ tasks: [taskIn(stops > 5 ? "STOPPED" : "RUNNING")] }),
      StopTask: () => (++stops > 5 ? { task: {} } : { error: "ThrottlingException" }),
    });
    const { report } = await task.run({ timeout: "50ms", logs: "false" });
    assert.equal(report.outcome, "TIMED_OUT");
    assert.deepEqual(report.stop?.survivors, []);
  });

  test("when the host is gone is left running if the job says so, and is found again by the same execution id", async () => {
    let isKnown = false;
    let isOver = false;
    let startedBy: unknown;
    await using task = await ScriptedTask.start({
      ListTasks: ({ desiredStatus }) => ({ taskArns: isKnown && desiredStatus === "RUNNING" ? [taskArn] : [] }),
      RunTask: (input) => ((isKnown = true), (startedBy = input["startedBy"]), { tasks: [{ taskArn }] }),
      DescribeTasks: () => ({ tasks: [taskIn(isOver ? "STOPPED" : "RUNNING", { startedBy })] }),
    });
    const config = { on_host_loss: "keep", logs: "false" };
    const begun = task.begin(config, { id: "again" });
    await begun.waitFor((event) => event.type === "progress");
    begun.force("the host is gone");
    assert.equal((await begun.finished).report.message, "left running: the host is gone");
    assert.equal(task.api.count("StopTask"), 0);
    isOver = true;
    const { report } = await task.run(config, { id: "again" });
    assert.equal(report.outcome, "SUCCEEDED");
    assert.equal(report.evidence?.["reattached"], true);
    assert.equal(task.api.count("RunTask"), 1);
  });

  test("though the process that had it died is found and stopped, and none is started", async () => {
    const recall = { reason: "enough", graceMs: 1_000 };
    let isKnown = false;
    let isStopped = false;
    const startedBy: unknown[] = [];
    await using task = await ScriptedTask.start({
      ListTasks: (input) => {
        startedBy.push(input["startedBy"]);
        return { taskArns: isKnown && input["desiredStatus"] === "RUNNING" ? [taskArn] : [] };
      },
      DescribeTasks: () => ({ tasks: [taskIn(isStopped ? "STOPPED" : "RUNNING", { startedBy: startedBy[0] })] }),
      StopTask: () => ((isStopped = true), { task: {} }),
    });
    const config = { on_host_loss: "keep", logs: "false" };
    const { report: nothing } = await task.run(config, { id: "left", recall });
    assert.deepEqual([nothing.outcome, nothing.effect, isStopped], ["CANCELLED", "NONE", false]);
    isKnown = true;
    const { report } = await task.run(config, { id: "left", recall });
    assert.deepEqual([report.outcome, report.evidence?.["reattached"], isStopped], ["CANCELLED", true, true]);
    assert.deepEqual(report.stop?.survivors, []);
    assert.equal(task.api.count("RunTask"), 0);
  });
});

describe("the service", guard, () => {
  test("may throttle, fail and drop connections while a task runs", async () => {
    let looks = 0;
    await using task = await ScriptedTask.start({
      DescribeTasks: () => {
        looks++;
        if (looks === 1) return { tasks: [taskIn("RUNNING")] };
        if (looks < 8) return { error: "ThrottlingException", message: "Rate exceeded" };
        if (looks < 14) return { error: "ServerException", status: 500 };
        if (looks < 20) return undefined;
        return { tasks: [taskIn("STOPPED")] };
      },
    });
    const { report } = await task.run({ logs: "false" });
    assert.equal(report.outcome, "SUCCEEDED", report.message);
  });

  test("that stays away is given up, and nobody knows what became of the task", async () => {
    let looks = 0;
    await using task = await ScriptedTask.start({
      DescribeTasks: () => (looks++ === 0 ? { tasks: [taskIn("RUNNING")] } : { error: "ServerException", status: 503 }),
    });
    const { report } = await task.run({ logs: "false", api_timeout: "100ms" });
    assert.equal(report.code, "API_LOST");
    assert.equal(report.effect, undefined);
  });

  const refusals: readonly [name: string, code: string, retryability: string][] = [
    ["AccessDeniedException", "ACCESS_DENIED", "PERMANENT"],
    ["UnrecognizedClientException", "CREDENTIALS_UNUSABLE", "PERMANENT"],
    ["ClusterNotFoundException", "CLUSTER_NOT_FOUND", "PERMANENT"],
    ["ThrottlingException", "THROTTLED", "RETRYABLE"],
    ["ConflictException", "EXECUTION_ID_CONFLICT", "PERMANENT"],
    ["InvalidParameterException", "REQUEST_REFUSED", "PERMANENT"],
  ];
  for (const [error, code, retryability] of refusals) {
    test(`that answers ${error} ends the execution with ${code}`, async () => {
      await using task = await ScriptedTask.start({ RunTask: () => ({ error }) });
      const { report } = await task.run();
      assert.equal(report.code, code);
      assert.equal(report.retryability, retryability);
      assert.equal(report.effect, "NONE");
    });
  }

  test("that nobody answers for is out of reach", async () => {
    await using task = await ScriptedTask.start({});
    const { report } = await task.run({ endpoint: "http://127.0.0.1:1" });
    assert.equal(report.code, "API_UNREACHABLE");
    assert.equal(report.effect, "NONE");
  });

  test("is probed for the permissions that a job needs, and nothing is started", async () => {
    await using task = await ScriptedTask.start({
      RunTask: ({ count }) => ({ error: count === 0 ? "InvalidParameterException" : "AccessDeniedException" }),
      StopTask: () => ({ error: "AccessDeniedException" }),
    });
    const { value } = task.definition.config.parse(task.config({}));
    assert.ok(value);
    const { ok, message, details } = await task.definition.probe!({
      config: value,
      signal: AbortSignal.timeout(60_000),
    });
    assert.equal(ok, false);
    assert.equal(message, "not allowed: ecs:StopTask");
    assert.deepEqual(details?.["missing"], ["ecs:StopTask"]);
  });
});
