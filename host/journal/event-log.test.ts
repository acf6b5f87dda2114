import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { ExecuteResponse } from "@executor-host/proto/host";
import { encodeOutputFrame, encodeRecord, parseEventFrame } from "@executor-host/proto/shared/frame";
import { EventLog } from "./event-log.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "event-log-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

function output(sequence: number, data: Buffer, channel = 1): readonly Buffer[] {
  const frame = parseEventFrame(encodeOutputFrame(sequence, Date.now(), channel, 0, data));
  return encodeRecord(sequence, 1, frame.rest);
}

function state(sequence: number): readonly Buffer[] {
  return [
    Buffer.from(
      ExecuteResponse.encode({
        events: [{ sequence, time: undefined, attempt: 0, kind: { $case: "state", value: { state: 1, reason: "" } } }],
      }).finish(),
    ),
  ];
}

async function readAll(log: EventLog, fromSequence = 0, signal = AbortSignal.timeout(20_000)) {
  const events = [];
  for await (const batch of log.read({ fromSequence, follow: true, signal })) {
    events.push(...ExecuteResponse.decode(batch).events);
  }
  return events;
}

test("a log without bulk records needs no file", async () => {
  const log = new EventLog({ path: join(directory, "1"), maxBytes: 1 << 20 });
  for (let sequence = 1; sequence <= 3; sequence++) log.append(state(sequence), { sequence });
  await log.finish();
  const events = await readAll(log);
  assert.deepEqual(
    events.map((event) => event.sequence),
    [1, 2, 3],
  );
  assert.deepEqual(await readdir(directory), []);
});

test("a watcher sees the first records only when they are stored", async () => {
  const saves: PromiseWithResolvers<void>[] = [];
  const log = new EventLog({
    path: join(directory, "1"),
    maxBytes: 1 << 20,
    save: () => {
      const save = Promise.withResolvers<void>();
      saves.push(save);
      return save.promise;
    },
  });
  const seen = async () =>
    (await Array.fromAsync(log.read({ fromSequence: 0, follow: false, signal: AbortSignal.timeout(20_000) })))
      .flatMap((batch) => ExecuteResponse.decode(batch).events)
      .map((event) => event.sequence);
  log.append(state(1), { sequence: 1, stored: true });
  log.append(state(2), { sequence: 2 });
  log.append(output(3, Buffer.from("x")), { sequence: 3, stdoutBytes: 1, bulk: true });
  assert.deepEqual(await seen(), [1]);
  assert.deepEqual(await readdir(directory), [], "files come after what lies before them");
  assert.equal(saves.length, 1);
  saves[0]?.resolve();
  await log.flush();
  assert.deepEqual(await seen(), [1, 2, 3]);
  await log.finish();
});

test("a follower sees every record once and in order while it is being written", async () => {
  const log = new EventLog({ path: join(directory, "1"), maxBytes: 1 << 30 });
  const reading = readAll(log);
  const total = 500;
  log.append(state(1), { sequence: 1 });
  for (let sequence = 2; sequence < total; sequence++) {
    const data = Buffer.alloc(sequence % 7 === 0 ? 60_000 : 10, sequence % 251);
    log.append(output(sequence, data), { sequence, stdoutBytes: data.length, bulk: true });
    if (log.congested) await log.drained();
    if (sequence % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  log.append(state(total), { sequence: total }, true);
  await log.finish();
  const events = await reading;
  assert.deepEqual(
    events.map((event) => event.sequence),
    Array.from({ length: total }, (_, index) => index + 1),
  );
  for (const event of events) {
    if (event.kind?.$case !== "output") continue;
    assert.ok(event.kind.value.data.every((byte) => byte === event.sequence % 251));
  }
});

test("a held record stays invisible until the log is finished", async () => {
  const log = new EventLog({ path: join(directory, "1"), maxBytes: 1 << 20 });
  log.append(state(1), { sequence: 1 });
  log.append(state(2), { sequence: 2 }, true);
  const seen = [];
  for await (const batch of log.read({ fromSequence: 0, follow: false, signal: AbortSignal.timeout(5000) })) {
    seen.push(...ExecuteResponse.decode(batch).events.map((event) => event.sequence));
  }
  assert.deepEqual(seen, [1]);
  await log.finish();
  assert.equal((await readAll(log)).length, 2);
});

test("a reader starts at any sequence number", async () => {
  const log = new EventLog({ path: join(directory, "1"), maxBytes: 1 << 20 });
  log.append(state(1), { sequence: 1 });
  for (let sequence = 2; sequence <= 100; sequence++) {
    log.append(output(sequence, Buffer.alloc(10_000)), { sequence, stdoutBytes: 10_000, bulk: true });
  }
  await log.finish();
  for (const from of [1, 2, 50, 100]) {
    const events = await readAll(log, from);
    assert.equal(events[0]!.sequence, from);
    assert.equal(events.length, 101 - from);
  }
});

test("a log over its cap keeps head and tail and says exactly what it dropped", async () => {
  const log = new EventLog({ path: join(directory, "1"), maxBytes: 1 << 20 });
  const count = 1_000;
  const size = 10_000;
  log.append(state(1), { sequence: 1 });
  for (let sequence = 2; sequence <= count; sequence++) {
    const channel = sequence % 2 === 0 ? 1 : 2;
    const facts = channel === 1 ? { stdoutBytes: size } : { stderrBytes: size };
    log.append(output(sequence, Buffer.alloc(size), channel), { sequence, ...facts, bulk: true });
    await log.flush();
  }
  await log.finish();
  const check = async (events: Awaited<ReturnType<typeof readAll>>) => {
    assert.equal(events[0]!.sequence, 1);
    assert.equal(events.at(-1)!.sequence, count);
    const gap = events.find((event) => event.kind?.$case === "outputDropped")?.kind;
    assert.ok(gap?.$case === "outputDropped");
    const outputs = events.flatMap((event) => (event.kind?.$case === "output" ? [event.kind.value] : []));
    const kept = (channel: number) =>
      outputs.filter((piece) => piece.channel === channel).reduce((sum, piece) => sum + piece.data.length, 0);
    assert.equal(kept(1) + gap.value.stdoutBytes, log.stdoutBytes);
    assert.equal(kept(2) + gap.value.stderrBytes, log.stderrBytes);
    assert.equal(gap.value.lastSequence - gap.value.firstSequence + 1 + outputs.length, count - 1);
    assert.ok(kept(1) + kept(2) <= 1 << 20);
  };
  await check(await readAll(log));
  // ... and after a restart.
  await check(await readAll(await EventLog.stored(join(directory, "1"), log.parts)));
});

test("a log that cannot be written still ends with its last record and counts what is lost", async () => {
  const log = new EventLog({ path: join(directory, "missing", "1"), maxBytes: 1 << 20 });
  log.append(state(1), { sequence: 1 });
  const reading = readAll(log);
  for (let sequence = 2; sequence <= 5; sequence++) {
    log.append(output(sequence, Buffer.alloc(100)), { sequence, stdoutBytes: 100, bulk: true });
    await log.flush();
  }
  log.append(state(6), { sequence: 6 }, true);
  await log.finish();
  assert.equal(log.lost?.bytes, 400);
  const kinds = (await reading).map((event) => event.kind?.$case);
  assert.deepEqual(kinds, ["state", "outputDropped", "state"]);
  const stored = await EventLog.stored(join(directory, "1"), log.parts);
  assert.equal((await readAll(stored)).at(-1)!.sequence, 6);
});

test("a reader that is aborted rejects with the reason", async () => {
  const log = new EventLog({ path: join(directory, "1"), maxBytes: 1 << 20 });
  const controller = new AbortController();
  const reading = readAll(log, 0, controller.signal);
  controller.abort(new Error("enough"));
  await assert.rejects(reading, /enough/);
});

test("a reader of a log that is removed meanwhile is told so", async () => {
  const path = join(directory, "1");
  const log = new EventLog({ path, maxBytes: 1 << 20 });
  for (let sequence = 1; sequence <= 20; sequence++) {
    log.append(output(sequence, Buffer.alloc(50_000)), { sequence, stdoutBytes: 50_000, bulk: true });
    await log.flush();
  }
  await log.finish();
  const stored = await EventLog.stored(path, log.parts);
  const reading = stored.read({ fromSequence: 0, follow: true, signal: AbortSignal.timeout(20_000) });
  await reading.next();
  await EventLog.remove(path);
  await assert.rejects(Array.fromAsync(reading), { code: "EXECUTION_NOT_FOUND", message: /was forgotten/ });
});
