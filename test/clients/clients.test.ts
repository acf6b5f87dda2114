import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { HostServiceService } from "@executor-host/proto/host";
import { TempDir } from "../support/temp-dir.ts";
import { TestHost } from "../support/test-host.ts";
import type { Command } from "./client.ts";
import { buildGoClient, findGo } from "./go-client.ts";
import { findPython, makePythonClient } from "./python-client.ts";
import { eventsOf, Session, type Message } from "./session.ts";

/** The first run downloads and compiles. */
const patience = { timeout: 300_000 } as const;

const languages = [
  { name: "Python", find: findPython, make: makePythonClient, missing: "python3 with venv is not here" },
  { name: "Go", find: findGo, make: buildGoClient, missing: "go is not here" },
];

for (const { name, find, make, missing } of languages) {
  const toolchain = await find();
  // Where CI is set, the toolchain must be there: the test fails without it.
  const skip = toolchain === undefined && process.env["CI"] === undefined ? missing : false;

  describe(`a client in ${name} that has nothing but the .proto files`, { ...patience, skip }, () => {
    let dir: TempDir;
    let command: Command;
    let host: TestHost;
    let client: Session;
    const called = new Set<string>();
    before(async () => {
      assert(toolchain !== undefined, missing);
      dir = await TempDir.create();
      command = await make(toolchain, dir.path);
      host = await TestHost.start({ executors: ["beater", "binary", "echo", "failing", "flood", "gate", "strict"] });
      client = connect(host);
    }, patience);
    after(async () => {
      await client[Symbol.asyncDispose]();
      await host[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    });

    function connect({ host: { addresses } }: TestHost): Session {
      return new Session(command, addresses[0] ?? "", called);
    }

    /** An execution that goes on until a file is there. */
    const gate = (id: string) => ({ executionId: id, executor: "gate", config: { file: host.path(id) } });

    async function submitGate(id: string): Promise<void> {
      await client.ask("Submit", { spec: gate(id) });
      await client.all("Watch", { executionId: id }, 1);
    }

    test("runs a job and sees what happens while it happens", patience, async () => {
      const seen: Message[] = [];
      const call = client.call("Execute", { spec: gate("from-afar") });
      for (let next = await call.next(); next.done !== true; next = await call.next()) {
        seen.push(...eventsOf([next.value]));
        // The job goes on only now, when the client has told of its start.
        if (seen.at(-1)?.["started"] !== undefined) writeFileSync(host.path("from-afar"), "");
      }
      const sequences = seen.map(({ sequence }) => Number(sequence));
      assert.deepEqual(
        sequences,
        sequences.map((_, index) => index + 1),
      );
      const states = seen.flatMap(({ state }) => (state === undefined ? [] : [(state as Message)["state"] as string]));
      assert.deepEqual(states, ["STATE_QUEUED", "STATE_STARTING", "STATE_RUNNING"]);
      const [output] = seen.flatMap((event) => (event["output"] as Message | undefined) ?? []);
      assert.deepEqual([output?.["channel"], textOf(output)], ["CHANNEL_STDOUT", "through\n"]);
      const result = seen.at(-1)?.["result"] as Message;
      assert.equal(result["outcome"], "OUTCOME_SUCCEEDED");
      assert.equal(typeof (result["evidence"] as Message)["pid"], "number");
      const { execution } = await client.ask("Get", { executionId: "from-afar" });
      assert.equal(execution.state, "STATE_FINISHED");
      assert.equal(execution.lastSequence, String(sequences.length));
      assert.equal(execution.attempts.length, 1);
    });

    test("gets every byte", patience, async () => {
      const events = await client.events("Execute", { spec: { executor: "binary" } });
      const bytes = events
        .filter(({ output }) => output?.channel === "CHANNEL_STDOUT")
        .map(({ output }) => Buffer.from(output.data as string, "base64"));
      assert.deepEqual(
        [...Buffer.concat(bytes)],
        Array.from({ length: 256 }, (_, index) => index),
      );
      const much = await client.events("Execute", { spec: { executor: "flood", config: { size: "10M" } } });
      const sizes = much.map(({ output }) => Buffer.from((output?.data as string) ?? "", "base64").length);
      assert.equal(
        sizes.reduce((sum, size) => sum + size, 0),
        10 * 1024 ** 2,
      );
    });

    test("finds its way back to an execution after the link was lost, without a gap", patience, async () => {
      const lost = await client.all("Execute", { spec: gate("lost-link") }, 1);
      assert.equal(lost.end.status, "CANCELLED");
      writeFileSync(host.path("lost-link"), "");
      const seen = eventsOf(lost.messages);
      const next = Number(seen.at(-1)?.["sequence"]) + 1;
      const rest = await client.events("Watch", { executionId: "lost-link", fromSequence: next });
      const whole = await client.events("Watch", { executionId: "lost-link" });
      assert.deepEqual([...seen, ...rest], whole);
      assert.equal(whole.at(-1)?.["result"].outcome, "OUTCOME_SUCCEEDED");
      assert.deepEqual(await client.events("Watch", { executionId: "lost-link", fromSequence: 1_000 }), []);
    });

    test("leaves, and takes its execution along where it says so", patience, async () => {
      await client.all("Execute", { spec: gate("taken-along"), cancelOnDisconnect: true }, 1);
      const events = await client.events("Watch", { executionId: "taken-along" });
      assert.equal(events.at(-1)?.["result"].outcome, "OUTCOME_CANCELLED");
    });

    test("hands over the same execution twice, and it runs once", patience, async () => {
      const spec = { ...gate("once"), labels: { team: "a" }, jobName: "nightly" };
      const first = await client.ask("Submit", { spec });
      assert.deepEqual([first["alreadyKnown"] ?? false, first["execution"].spec.labels], [false, { team: "a" }]);
      const again = await client.ask("Submit", { spec });
      assert.equal(again["alreadyKnown"], true);
      writeFileSync(host.path("once"), "");
      const one = await client.events("Execute", { spec });
      assert.deepEqual(await client.events("Watch", { executionId: "once" }), one);
      const other = await client.refusal("Submit", { spec: { ...spec, config: { file: "/elsewhere" } } });
      assert.deepEqual([other.status, other.details["ErrorInfo"].reason], ["ALREADY_EXISTS", "EXECUTION_ID_CONFLICT"]);
    });

    test("stops an execution, twice as well as once", patience, async () => {
      await submitGate("stopped");
      const request = { executionId: "stopped", reason: "no longer needed", grace: "2s" };
      const { execution } = await client.ask("Cancel", request);
      assert.match(execution.state, /^STATE_(CANCELLING|FINISHED)$/);
      await client.ask("Cancel", request);
      const result = (await client.events("Watch", { executionId: "stopped" })).at(-1)?.["result"];
      assert.equal(result.outcome, "OUTCOME_CANCELLED");
      assert.match(result.message, /no longer needed/);
      const over = await client.ask("Cancel", request);
      assert.equal(over["execution"].result.outcome, "OUTCOME_CANCELLED", "a finished one is left alone");
    });

    test("gives a running execution more time, and takes a limit away", patience, async () => {
      const spec = { ...gate("extended"), limits: { totalTimeout: "3600s", attemptTimeout: "1800s" } };
      await client.ask("Submit", { spec });
      const change = { executionId: "extended", limits: { totalTimeout: "7200.5s" }, lift: ["attempt_timeout"] };
      const { execution } = await client.ask("ChangeLimits", change);
      assert.deepEqual([execution.limits.totalTimeout, execution.limits.attemptTimeout], ["7200.500s", undefined]);
      const wrong = await client.refusal("ChangeLimits", { executionId: "extended", lift: ["attempt_timout"] });
      assert.deepEqual([wrong.status, wrong.details["ErrorInfo"].reason], ["INVALID_ARGUMENT", "SPEC_INVALID"]);
      writeFileSync(host.path("extended"), "");
      const events = await client.events("Watch", { executionId: "extended" });
      assert.equal(events.filter((event) => event["limitsChanged"] !== undefined).length, 1);
      const over = await client.refusal("ChangeLimits", change);
      assert.deepEqual([over.status, over.details["ErrorInfo"].reason], ["FAILED_PRECONDITION", "EXECUTION_OVER"]);
    });

    test("finds executions page by page, newest first, and by what they are", patience, async () => {
      const ids = ["page-1", "page-2", "page-3", "page-4", "page-5"];
      for (const executionId of ids) {
        const exitCode = executionId === "page-3" ? "4" : "0";
        await client.events("Execute", {
          spec: { executionId, executor: "echo", jobName: "paged", config: { exitCode } },
        });
      }
      const list = async (filter: Message) => {
        const { executions = [], nextPageToken = "" } = await client.ask("List", filter);
        return {
          found: executions as Message[],
          ids: executions.map(({ spec }: Message) => spec.executionId),
          nextPageToken,
        };
      };
      const jobName = "paged";
      const pages = [await list({ jobName, pageSize: 2 })];
      while (pages.at(-1)?.nextPageToken !== "") {
        pages.push(await list({ jobName, pageSize: 2, pageToken: pages.at(-1)?.nextPageToken }));
      }
      assert.deepEqual(
        pages.map((page) => page.ids),
        [["page-5", "page-4"], ["page-3", "page-2"], ["page-1"]],
      );
      const failed = await list({ jobName, outcomes: ["OUTCOME_FAILED", "OUTCOME_LOST"], states: ["STATE_FINISHED"] });
      assert.deepEqual(failed.ids, ["page-3"]);
      const [execution] = failed.found;
      assert.deepEqual([execution?.["result"].exitCode, execution?.["result"].evidence], [4, undefined]);
      assert.equal(execution?.["attempts"][0].result.evidence, undefined);
      assert.deepEqual((await list({ jobName, executor: "gate" })).ids, []);
      assert.deepEqual((await list({ jobName, states: ["STATE_RUNNING"] })).ids, []);
      const odd = await client.refusal("List", { outcomes: ["OUTCOME_UNSPECIFIED"] });
      assert.deepEqual([odd.status, odd.message], ["INVALID_ARGUMENT", "outcomes[0]: not a known value: 0"]);
      const wrong = await client.refusal("List", { pageToken: "second" });
      assert.deepEqual([wrong.status, wrong.details["ErrorInfo"].reason], ["INVALID_ARGUMENT", "SPEC_INVALID"]);
    });

    test("asks what there is, what it takes, and whether it would work", patience, async () => {
      const { executors } = await client.ask("ListExecutors");
      assert.deepEqual(
        executors.map((executor: Message) => executor["name"]),
        ["beater", "binary", "echo", "failing", "flood", "gate", "strict"],
      );
      const { executor, configSchema } = await client.ask("DescribeExecutor", { executor: "strict" });
      assert.deepEqual([executor.state, executor.protocolVersion], ["EXECUTOR_STATE_READY", 2]);
      assert.deepEqual((JSON.parse(configSchema) as Message)["required"], ["url"]);
      assert.deepEqual(
        await client.ask("Validate", { spec: { executor: "strict", config: { url: "https://a" } } }),
        {},
      );
      const { violations } = await client.ask("Validate", { spec: { executor: "strict", config: { cuont: "3" } } });
      assert.deepEqual(
        violations.map(({ field, message, hint }: Message) => [field, message, hint]),
        [
          ["url", "is required", "Where to."],
          ["cuont", "unknown key", 'did you mean "count"?'],
        ],
      );
      const probe = await client.ask("Probe", { executor: "echo", config: { text: "four" }, timeout: "10s" });
      assert.deepEqual([probe["ok"], probe["message"]], [true, "would write 4 characters"]);
      const none = await client.refusal("Probe", { executor: "gate", config: { file: "/x" } });
      assert.deepEqual([none.status, none.details["ErrorInfo"].reason], ["UNIMPLEMENTED", "NOT_SUPPORTED"]);
    });

    const config = { url: "ftp://a", count: "many" };
    const refusals = [
      {
        why: "no such executor",
        method: "Execute",
        request: { spec: { executor: "gaet" } },
        is: ["NOT_FOUND", "EXECUTOR_NOT_FOUND"],
      },
      { why: "no executor at all", method: "Execute", request: {}, is: ["INVALID_ARGUMENT", "SPEC_INVALID"] },
      {
        why: "a config that is wrong in two ways",
        method: "Submit",
        request: { spec: { executor: "strict", config } },
        is: ["INVALID_ARGUMENT", "CONFIG_INVALID"],
        fields: ["count", "url"],
      },
      {
        why: "limits and a place in the queue that are out of range",
        method: "Submit",
        request: { spec: { executor: "echo", limits: { totalTimeout: "-1s" }, queueing: { priority: 101 } } },
        is: ["INVALID_ARGUMENT", "SPEC_INVALID"],
        fields: ["limits.total_timeout", "queueing.priority"],
      },
      {
        why: "a word for the queue that is not known here",
        method: "Submit",
        request: { spec: { executor: "echo", queueing: { whenBusy: 9 } } },
        is: ["INVALID_ARGUMENT", "SPEC_INVALID"],
        fields: ["queueing.when_busy"],
      },
      {
        why: "a wrong id",
        method: "Submit",
        request: { spec: { executor: "echo", executionId: "a b" } },
        is: ["INVALID_ARGUMENT", "SPEC_INVALID"],
        fields: ["execution_id"],
      },
      ...["Get", "Watch", "Cancel", "ChangeLimits"].map((method) => ({
        why: "no such execution",
        method,
        request: { executionId: "nobody", ...(method === "ChangeLimits" && { limits: { totalTimeout: "5s" } }) },
        is: ["NOT_FOUND", "EXECUTION_NOT_FOUND"],
      })),
      ...["DescribeExecutor", "Probe"].map((method) => ({
        why: "no such executor",
        method,
        request: { executor: "gaet" },
        is: ["NOT_FOUND", "EXECUTOR_NOT_FOUND"],
      })),
      {
        why: "no such executor",
        method: "Validate",
        request: { spec: { executor: "gaet" } },
        is: ["NOT_FOUND", "EXECUTOR_NOT_FOUND"],
      },
    ];

    test("is told what is wrong, for people and for programs", patience, async () => {
      for (const { why, method, request, is, fields } of refusals as ((typeof refusals)[number] & {
        fields?: string[];
      })[]) {
        const { status, message, details } = await client.refusal(method, request);
        const { ErrorInfo, BadRequest } = details as { ErrorInfo: Message; BadRequest?: Message };
        const what = `${method}: ${why}`;
        assert.deepEqual([status, ErrorInfo["reason"], ErrorInfo["domain"]], [...is, "executor-host"], what);
        assert.equal(ErrorInfo["metadata"].retryable, "false", what);
        assert.notEqual(message, "", what);
        if (fields === undefined) continue;
        const violations = (BadRequest?.["fieldViolations"] ?? []) as Message[];
        assert.deepEqual(violations.map(({ field }) => String(field)).toSorted(), fields, what);
        for (const { description, localizedMessage } of violations) {
          assert.notEqual(description ?? "", "", what);
          assert.notEqual(localizedMessage?.message ?? "", "", `${what}: what would be right`);
        }
      }
    });

    test("is told when to come back to a host that has no room", patience, async () => {
      await using full = await TestHost.start({
        executors: ["gate"],
        settings: { maxConcurrentExecutions: 1, maxQueuedExecutions: 0 },
      });
      await using other = connect(full);
      const spec = { executor: "gate", config: { file: full.path("open") } };
      await other.ask("Submit", { spec: { ...spec, executionId: "first" } });
      const { status, details } = await other.refusal("Submit", { spec });
      assert.deepEqual([status, details["ErrorInfo"].reason], ["RESOURCE_EXHAUSTED", "QUEUE_FULL"]);
      assert.equal(details["ErrorInfo"].metadata.retryable, "true");
      assert.match(details["RetryInfo"].retryDelay, /^[\d.]+s$/);
      assert(!existsSync(full.path("open")));
    });

    test("has made every call that the contract has", () => {
      const calls = Object.values(HostServiceService).map(({ path }) => path.replace(/^.*\//, ""));
      assert.deepEqual([...called].toSorted(), calls.toSorted());
    });
  });
}

function textOf(output: Message | undefined): string {
  return Buffer.from((output?.["data"] as string | undefined) ?? "", "base64").toString();
}
