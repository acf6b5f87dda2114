import assert from "node:assert/strict";
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { ExecuteResponse } from "@executor-host/proto/host";
import { encodeOutputFrame, encodeRecord, parseEventFrames } from "@executor-host/proto/shared/frame";
import { EventLog, type LogParts } from "./event-log.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "event-log-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

function output(sequence: number, data: Buffer, channel = 1): readonly Buffer[] {
  const [frame] = parseEventFrames(encodeOutputFrame(sequence, Date.now(), channel, 0, data));
  assert.ok(frame !== undefined);
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
    events.push(...ExecuteResponse.decode(batch.bytes).events);
  }
  return events;
}

function readNow(log: EventLog) {
  return Array.fromAsync(log.read({ fromSequence: 0, follow: false, signal: AbortSignal.timeout(20_000) })).then(
    (batches) => batches.flatMap((batch) => ExecuteResponse.decode(batch.bytes).events),
  );
}

function sequences(events: readonly { readonly sequence: number }[]): number[] {
  return events.map(({ sequence }) => sequence);
}

test("a log with little output needs no file", async () => {
  const log = new EventLog({ path: join(directory, "1"), maxBytes: 1 << 20 });
  log.append(state(1), { sequence: 1 });
  for (let sequence = 2; sequence <= 5; sequence++) {
    log.append(output(sequence, Buffer.alloc(1_000)), { sequence, stdoutBytes: 1_000, bulk: true });
  }
  log.append(state(6), { sequence: 6 }, true);
  await log.finish();
  assert.deepEqual(sequences(await readAll(log)), [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(await readdir(directory), []);
  const stored = await EventLog.stored(join(directory, "1"), log.parts);
  assert.deepEqual(sequences(await readAll(stored, 4)), [4, 5, 6]);
});

test("what does not fit into the journal's row goes into files, and all can be read from any sequence number", async () => {
  const log = new EventLog({ path: join(directory, "1"), maxBytes: 1 << 30 });
  const count = 40;
  const following = readAll(log);
  for (let sequence = 1; sequence <= count; sequence++) {
    log.append(output(sequence, Buffer.alloc(500, sequence)), { sequence, stdoutBytes: 500, bulk: true });
  }
  await log.finish();
  const { inline, bytes } = log.parts;
  assert.ok(inline.length > 0 && inline.length < 20_000, "some of it is in the row");
  assert.equal((await readFile(join(directory, "1.0"))).length, bytes - inline.length, "the rest is in a file");
  const stored = await EventLog.stored(join(directory, "1"), log.parts);
  const all = Array.from({ length: count }, (_, index) => index + 1);
  assert.deepEqual(sequences(await following), all);
  for (const from of all) {
    assert.deepEqual(sequences(await readAll(log, from)), all.slice(from - 1));
    assert.deepEqual(sequences(await readAll(stored, from)), all.slice(from - 1));
  }
  const data = (await readAll(stored)).flatMap(({ kind }) => (kind?.$case === "output" ? [kind.value.data] : []));
  assert.deepEqual(Buffer.concat(data), Buffer.concat(all.map((sequence) => Buffer.alloc(500, sequence))));
});

test("a watcher sees records only when they are stored", async () => {
  const stored = Promise.withResolvers<void>();
  const log = new EventLog({ path: join(directory, "1"), maxBytes: 1 << 20, save: () => stored.promise });
  const seen = async () => sequences(await readNow(log));
  log.append(state(1), { sequence: 1, stored: true });
  log.append(state(2), { sequence: 2 });
  log.append(output(3, Buffer.from("x")), { sequence: 3, stdoutBytes: 1, bulk: true });
  log.append(output(4, Buffer.alloc(60_000)), { sequence: 4, stdoutBytes: 60_000, bulk: true });
  assert.deepEqual(await seen(), [1]);
  assert.deepEqual(await readdir(directory), [], "files come after what lies before them");
  stored.resolve();
  await log.flush();
  assert.deepEqual(await seen(), [1, 2, 3, 4]);
  await log.finish();
});

test("what is stored with the result is not stored before", async () => {
  let saves = 0;
  const log = new EventLog({ path: join(directory, "1"), maxBytes: 1 << 20, save: async () => void (saves += 1) });
  log.append(state(1), { sequence: 1, stored: true });
  log.append(output(2, Buffer.from("x")), { sequence: 2, stdoutBytes: 1, bulk: true });
  log.append(state(3), { sequence: 3 }, true);
  await log.finish();
  assert.deepEqual(sequences(await readAll(log)), [1, 2, 3]);
  assert.equal(saves, 0);
});

test("a log whose host died has all that a watcher saw", async () => {
  const path = join(directory, "1");
  for (const largest of [100, 60_000]) {
    let row: LogParts | undefined;
    const log: EventLog = new EventLog({ path, maxBytes: 1 << 20, save: async () => void (row = log.parts) });
    const watching = log.read({ fromSequence: 0, follow: true, signal: AbortSignal.timeout(20_000) });
    log.append(state(1), { sequence: 1 });
    log.append(output(2, Buffer.from("first")), { sequence: 2, stdoutBytes: 5, bulk: true });
    log.append(output(3, Buffer.alloc(largest), 2), { sequence: 3, stderrBytes: largest, bulk: true });
    let seen = 0;
    while (seen < 3) seen = sequences(ExecuteResponse.decode((await watching.next()).value!.bytes).events).at(-1)!;
    await watching.return();

    const found = await EventLog.stored(path, row!);
    await found.recover((sequence) => Buffer.concat(state(sequence)));
    assert.deepEqual(sequences(await readAll(found)), [1, 2, 3, 4]);
    assert.deepEqual([found.lastSequence, found.stdoutBytes, found.stderrBytes], [4, 5, largest]);
    await log.finish();
  }
});

test("a log whose host died is gone on with, and still says exactly what it dropped", async () => {
  const path = join(directory, "1");
  const [maxBytes, size] = [1 << 20, 20_000];
  const fill = async (log: EventLog, from: number, to: number) => {
    for (let sequence = from; sequence <= to; sequence++) {
      log.append(output(sequence, Buffer.alloc(size)), { sequence, stdoutBytes: size, bulk: true });
      await log.flush();
    }
  };
  let row: LogParts | undefined;
  const first: EventLog = new EventLog({ path, maxBytes, save: async () => void (row = first.parts) });
  first.append(state(1), { sequence: 1 });
  await fill(first, 2, 100);
  assert.ok(row?.dropped !== undefined, "some of it is dropped already");
  const newest = (await readdir(directory)).map((name) => Number(name.slice(2))).reduce((a, b) => Math.max(a, b));
  await appendFile(join(directory, `1.${newest}`), Buffer.concat(output(101, Buffer.alloc(size))).subarray(0, 9_000));

  const second = new EventLog({ path, maxBytes });
  await second.continueAfter(row);
  assert.equal(second.lastSequence, 100, "a record that was not written to its end is none");
  assert.equal(second.stdoutBytes, 99 * size);
  await fill(second, 101, 200);
  await second.finish();
  for (const log of [second, await EventLog.stored(path, second.parts)]) {
    const events = await readAll(log);
    const gap = events.find(({ kind }) => kind?.$case === "outputDropped");
    assert(gap?.kind?.$case === "outputDropped");
    const { firstSequence, lastSequence, stdoutBytes } = gap.kind.value;
    const kept = sequences(events).filter((sequence) => sequence !== lastSequence);
    const dropped = Array.from({ length: lastSequence - firstSequence + 1 }, (_, index) => firstSequence + index);
    assert.deepEqual(
      [...kept, ...dropped].toSorted((a, b) => a - b),
      Array.from({ length: 200 }, (_, index) => index + 1),
    );
    assert.equal(stdoutBytes, dropped.length * size);
  }
  await first.finish();
});

test("a log that was not written to its end is not gone on with", async () => {
  const log = new EventLog({ path: join(directory, "1"), maxBytes: 1 << 20 });
  const parts = { inline: Buffer.concat(state(1)), tail: Buffer.concat(state(2)), dropped: undefined };
  await assert.rejects(log.continueAfter(parts), { message: "a part of its log could not be written" });
});

test("a log of an earlier version, with all output in files, is read as it is", async () => {
  const path = join(directory, "1");
  const inline = Buffer.concat([...state(1), ...state(2)]);
  await writeFile(`${path}.0`, Buffer.concat([...output(3, Buffer.from("x")), ...state(4)]));
  const log = await EventLog.stored(path, { inline, tail: Buffer.alloc(0), dropped: undefined });
  assert.deepEqual(sequences(await readAll(log)), [1, 2, 3, 4]);
  assert.deepEqual(sequences(await readAll(log, 3)), [3, 4]);
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
  log.append(state(1), { sequence: 1, stored: true });
  log.append(state(2), { sequence: 2 }, true);
  assert.deepEqual(sequences(await readNow(log)), [1]);
  await log.finish();
  assert.deepEqual(sequences(await readAll(log)), [1, 2]);
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
  // The first ones fit into the row.
  const sizeOf = (sequence: number) => (sequence < 10 ? 100 : 10_000);
  log.append(state(1), { sequence: 1 });
  for (let sequence = 2; sequence <= count; sequence++) {
    const channel = sequence % 2 === 0 ? 1 : 2;
    const size = sizeOf(sequence);
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

test("a log whose files cannot be written keeps what is in its row, ends with its last record and counts what is lost", async () => {
  const log = new EventLog({ path: join(directory, "missing", "1"), maxBytes: 1 << 20 });
  log.append(state(1), { sequence: 1 });
  const reading = readAll(log);
  log.append(output(2, Buffer.alloc(100)), { sequence: 2, stdoutBytes: 100, bulk: true });
  for (let sequence = 3; sequence <= 6; sequence++) {
    log.append(output(sequence, Buffer.alloc(10_000)), { sequence, stdoutBytes: 10_000, bulk: true });
    await log.flush();
  }
  log.append(output(7, Buffer.alloc(1)), { sequence: 7, stdoutBytes: 1, bulk: true });
  log.append(state(8), { sequence: 8 }, true);
  await log.finish();
  assert.equal(log.lost?.bytes, 40_001);
  const kinds = (events: Awaited<ReturnType<typeof readAll>>) => events.map((event) => event.kind?.$case);
  assert.deepEqual(kinds(await reading), ["state", "output", "outputDropped", "state"]);
  const stored = await EventLog.stored(join(directory, "1"), log.parts);
  assert.deepEqual(kinds(await readAll(stored)), ["state", "output", "outputDropped", "state"]);
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
