import assert from "node:assert/strict";
import { test } from "node:test";
import { isHostError } from "@executor-host/proto/shared/error";
import { readDkronJob } from "./dkron-job.ts";

function refusal(job: unknown) {
  try {
    readDkronJob(job);
  } catch (error) {
    assert.ok(isHostError(error) && error.code === "SPEC_INVALID", String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "it was accepted" });
}

test("a Dkron job definition is taken as it is, and the scheduler's fields are named", () => {
  const job = {
    name: "job1",
    displayname: "Job 1",
    schedule: "@every 10s",
    timezone: "Europe/Berlin",
    owner: "Platform Team",
    disabled: false,
    retries: 5,
    concurrency: "allow",
    tags: { server: "true:1" },
    processors: { log: { forward: "true" } },
    executor: "shell",
    executor_config: { shell: "true", command: "date", env: "FOO=bar" },
  };
  assert.deepEqual(readDkronJob(job), {
    request: {
      executor: "shell",
      config: { shell: "true", command: "date", env: "FOO=bar" },
      jobName: "job1",
      retry: { maxAttempts: 6, idempotent: true },
      queueing: undefined,
    },
    ignored: ["displayname", "schedule", "timezone", "owner", "disabled", "tags", "processors"],
  });
});

test("a job without retries, name and config is one attempt with no config", () => {
  const { request, ignored } = readDkronJob({ executor: "noop", executor_config: null });
  assert.deepEqual(request, { executor: "noop", config: {}, jobName: "", retry: undefined, queueing: undefined });
  assert.deepEqual(ignored, []);
});

test("a config value that is no string is refused with the way to write it", () => {
  const error = refusal({ executor: "shell", executor_config: { shell: true } });
  assert.deepEqual(error.violations, [
    { field: "shell", message: "must be a string: true", hint: 'write "shell": "true"' },
  ]);
});

test("a slip in a field that matters is refused, an unknown field of the scheduler's is not", () => {
  assert.equal(refusal({ executor: "shell", executor_confg: {} }).hint, "did you mean 'executor_config'");
  assert.deepEqual(readDkronJob({ executor: "shell", run_on_leader: true }).ignored, ["run_on_leader"]);
});

test("fields of the wrong kind are named with their value", () => {
  assert.match(
    refusal({ executor: "shell", retries: -1 }).message,
    /retries .* must be a whole number, at least 0: -1/,
  );
  assert.match(refusal({ executor: "shell", retries: "2" }).message, /retries .*: "2"/);
  assert.match(refusal({ name: "x" }).message, /^the job definition names no executor$/);
  assert.match(refusal({ executor: "shell", name: 7 }).message, /name .* must be a string: 7/);
  assert.match(refusal([]).message, /must be a JSON object/);
});

test("a list of jobs, as Dkron's API gives it, is told from one", () => {
  const { message, hint } = refusal([{ name: "a" }, { name: "b" }]);
  assert.equal(message, "a list of 2 job definitions, where one is wanted");
  assert.match(hint, /^hand over one of them: jq /);
});

test("a job that forbids concurrency is skipped while another execution of it is there", () => {
  const { request } = readDkronJob({ name: "backup", executor: "shell", concurrency: "forbid" });
  assert.deepEqual(request.queueing, { concurrencyKey: "backup", whenBusy: "SKIP" });
  assert.match(refusal({ executor: "shell", concurrency: "forbid" }).message, /^name of the job definition must tell/);
  assert.match(refusal({ executor: "shell", concurrency: "deny" }).message, /^concurrency .*: "deny"$/);
});
