import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { DatabaseSync } from "node:sqlite";
import { makeResult, type Execution, type Outcome, type State } from "../model/model.ts";
import { Journal, type ListQuery } from "./journal.ts";

let stateDir = "";
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "journal-"));
});
afterEach(() => rm(stateDir, { recursive: true }));

const open = () => Journal.open({ stateDir, sync: "normal" });
const log = { inline: Buffer.from("log"), tail: Buffer.alloc(0), dropped: undefined, bytes: 3 };

function execution(id: string, state: State, parts: { outcome?: Outcome; finishedMs?: number } = {}): Execution {
  return {
    spec: {
      id,
      executor: "shell",
      config: {},
      jobName: "",
      limits: {},
      retry: { maxAttempts: 1, initialBackoffMs: 0, maxBackoffMs: 0, multiplier: 1, idempotent: false },
      labels: {},
      traceContext: {},
      queueing: { priority: 0, fairnessKey: "", concurrencyKey: "", maxConcurrent: 1, whenBusy: "QUEUE" },
    },
    state,
    stateReason: "",
    acceptedMs: 1,
    finishedMs: parts.finishedMs,
    attempts: [],
    result: parts.outcome === undefined ? undefined : makeResult(parts.outcome),
    lastSequence: 1,
    output: { stdoutBytes: 0, stderrBytes: 0, droppedBytes: 0 },
    limits: {},
  };
}

const all: ListQuery = { limit: 10, states: [], outcomes: [], executor: "", jobName: "", labels: {} };

test("what was written is there after a restart", async () => {
  let instanceId: string;
  {
    await using journal = await open();
    instanceId = journal.instanceId;
    const number = journal.nextNumber();
    await journal.insert({ number, digest: "d", execution: execution("a", "QUEUED") }, log);
  }
  await using journal = await open();
  assert.equal(journal.instanceId, instanceId);
  assert.equal(journal.find("a")?.digest, "d");
  assert.equal(journal.unfinished().length, 1);
  assert.equal(journal.nextNumber(), 2);
});

test("a second host is refused while the first one lives", async () => {
  await using _first = await open();
  await assert.rejects(open(), { code: "STATE_LOCKED" });
});

test("a journal of a newer version is refused", async () => {
  {
    await using _journal = await open();
  }
  const db = new DatabaseSync(join(stateDir, "journal.sqlite"));
  db.exec("PRAGMA user_version = 99");
  db.close();
  await assert.rejects(open(), { code: "JOURNAL_FAILED", message: /newer version/ });
});

test("a journal of an older version is read, with the limits that were asked for in force", async () => {
  const before = execution("old", "FINISHED", { outcome: "SUCCEEDED", finishedMs: 5 });
  const asked: Execution = { ...before, spec: { ...before.spec, limits: { attemptTimeoutMs: 7, graceMs: 0 } } };
  {
    await using journal = await open();
    await journal.insert({ number: journal.nextNumber(), digest: "d", execution: asked }, log);
  }
  const db = new DatabaseSync(join(stateDir, "journal.sqlite"));
  db.exec("UPDATE executions SET body = json_remove(body, '$.limits'); PRAGMA user_version = 2");
  db.close();
  await using journal = await open();
  assert.deepEqual(journal.find("old")?.execution.limits, { attemptTimeoutMs: 7, graceMs: 0 });
});

test("the state directory is private", async () => {
  await using _journal = await open();
  assert.equal((await stat(stateDir)).mode & 0o777, 0o700);
});

test("one bad change does not spoil the others of its group", async () => {
  await using journal = await open();
  const insert = (number: number, id: string) =>
    journal.insert({ number, digest: "", execution: execution(id, "QUEUED") }, log);
  const [first, twice, other] = await Promise.allSettled([insert(1, "a"), insert(2, "a"), insert(3, "b")]);
  assert.equal(first.status, "fulfilled");
  assert.equal(other.status, "fulfilled");
  assert.equal((twice as PromiseRejectedResult).reason.code, "JOURNAL_FAILED");
});

test("changes of one execution in one turn are one, and the last is what is there", async () => {
  await using journal = await open();
  const insert = (number: number) =>
    journal.insert({ number, digest: "", execution: execution(`e${number}`, "QUEUED") }, log);
  await Promise.all([insert(1), insert(2)]);
  let state: State = "STARTING";
  const update = (number: number) => journal.update(number, () => ({ execution: execution(`e${number}`, state), log }));
  const updates = [update(1), update(2), update(1)];
  state = "RUNNING";
  await Promise.all(updates);
  assert.deepEqual(
    journal.list(all).map((entry) => entry.execution.state),
    ["RUNNING", "RUNNING"],
  );
});

test("a list is newest first, in pages, and filtered", async () => {
  await using journal = await open();
  for (const [index, outcome] of (["SUCCEEDED", "FAILED", "SUCCEEDED", undefined] as const).entries()) {
    const number = index + 1;
    await journal.insert({ number, digest: "", execution: execution(`e${number}`, "QUEUED") }, log);
    if (outcome === undefined) continue;
    const ended = execution(`e${number}`, "FINISHED", { outcome, finishedMs: number });
    await journal.update(number, () => ({ execution: ended, log }));
  }
  const ids = (query: Partial<ListQuery>) => journal.list({ ...all, ...query }).map((entry) => entry.execution.spec.id);
  assert.deepEqual(ids({}), ["e4", "e3", "e2", "e1"]);
  assert.deepEqual(ids({ limit: 2 }), ["e4", "e3"]);
  assert.deepEqual(ids({ before: 3 }), ["e2", "e1"]);
  assert.deepEqual(ids({ outcomes: ["SUCCEEDED"] }), ["e3", "e1"]);
  assert.deepEqual(ids({ states: ["QUEUED"] }), ["e4"]);
  assert.deepEqual(ids({ executor: "http" }), []);
});

test("old executions are forgotten by age and by size, unfinished ones never", async () => {
  await using journal = await open();
  for (let number = 1; number <= 4; number++) {
    await journal.insert({ number, digest: "", execution: execution(`e${number}`, "QUEUED") }, log);
    if (number === 4) continue;
    const ended = execution(`e${number}`, "FINISHED", { outcome: "SUCCEEDED", finishedMs: number * 1000 });
    await journal.update(number, () => ({ execution: ended, log: { ...log, bytes: 100 } }));
  }
  assert.equal(await journal.prune(1500, 1e9), 1);
  assert.equal(journal.find("e1"), undefined);
  assert.equal(await journal.prune(0, 100), 1);
  assert.equal(journal.find("e2"), undefined);
  assert.notEqual(journal.find("e3"), undefined);
  assert.notEqual(journal.find("e4"), undefined);
});

test("a journal tells whether the host before stopped in order", async () => {
  {
    await using first = await open();
    assert.equal(first.wasAbandoned, false, "there was none");
  }
  {
    await using second = await open();
    assert.equal(second.wasAbandoned, false);
  }
  // As a killed host leaves it.
  const database = new DatabaseSync(join(stateDir, "journal.sqlite"));
  database.exec("INSERT INTO host VALUES ('running', '')");
  database.close();
  await using third = await open();
  assert.equal(third.wasAbandoned, true);
});
