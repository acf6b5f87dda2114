import assert from "node:assert/strict";
import { test } from "node:test";
import { ExecuteResponse as ExecutorResponse } from "../gen/executor/v1/executor.ts";
import { ExecuteResponse as HostResponse } from "../gen/host/v1/host.ts";
import { encodeOutputFrame, encodeRecord, parseEventFrames, parseOutput, records } from "./frame.ts";

const time = 1_795_000_000_123.5;

test("a hand-made output frame reads as the message it stands for", () => {
  for (const size of [0, 1, 127, 128, 16_383, 16_384, 65_536]) {
    const data = Buffer.alloc(size, 7);
    const [event] = ExecutorResponse.decode(encodeOutputFrame(300, time, 2, 2 ** 40 + size, data)).events;
    assert.equal(event?.sequence, 300);
    assert.deepEqual(event.time, { seconds: 1_795_000_000, nanos: 123_500_000 });
    assert.ok(event.kind?.$case === "output");
    assert.equal(event.kind.value.channel, 2);
    assert.equal(event.kind.value.offset, 2 ** 40 + size);
    assert.deepEqual(event.kind.value.data, data);
  }
});

test("an executor's event becomes a host's event with another sequence and its attempt", () => {
  const [frame] = parseEventFrames(encodeOutputFrame(5, time, 1, 10, Buffer.from("hello")));
  assert.ok(frame?.kind === "output");
  assert.equal(frame.sequence, 5);
  assert.deepEqual(parseOutput(frame.payload), { channel: 1, offset: 10, data: Buffer.from("hello") });
  const { events } = HostResponse.decode(Buffer.concat(encodeRecord(77, 3, frame.rest)));
  assert.equal(events.length, 1);
  assert.equal(events[0]!.sequence, 77);
  assert.equal(events[0]!.attempt, 3);
  assert.ok(events[0]!.kind?.$case === "output");
  assert.equal(events[0]!.kind.value.data.toString(), "hello");
});

test("fields in any order are routed just as well", () => {
  const encoded = ExecutorResponse.encode({
    events: [
      {
        sequence: 9,
        time: undefined,
        kind: { $case: "progress", value: { fraction: 0.5, message: "half", details: undefined } },
      },
    ],
  }).finish();
  const event = Buffer.from(encoded).subarray(2);
  // Move the sequence (two bytes at the start) to the end.
  const turned = Buffer.concat([Buffer.from(encoded).subarray(0, 2), event.subarray(2), event.subarray(0, 2)]);
  const [frame] = parseEventFrames(turned);
  assert.equal(frame?.sequence, 9);
  assert.equal(frame.kind, "progress");
  const { events } = HostResponse.decode(Buffer.concat(encodeRecord(1, 1, frame.rest)));
  assert.ok(events[0]!.kind?.$case === "progress");
  assert.equal(events[0]!.kind.value.message, "half");
});

test("an executor's responses laid end to end are one with all their events", () => {
  const pieces = ["a", "", "ccc"].map((text, index) => encodeOutputFrame(index + 1, time, 1, index, Buffer.from(text)));
  const both = Buffer.concat(pieces);
  assert.deepEqual(
    ExecutorResponse.decode(both).events.map(({ sequence }) => sequence),
    [1, 2, 3],
  );
  assert.deepEqual(
    parseEventFrames(both).map(({ sequence, kind, payload }) => [sequence, kind, String(parseOutput(payload).data)]),
    [
      [1, "output", "a"],
      [2, "output", ""],
      [3, "output", "ccc"],
    ],
  );
});

test("records laid end to end are one message, and are found again", () => {
  const record = (sequence: number, size: number): Buffer => {
    const [frame] = parseEventFrames(encodeOutputFrame(1, time, 1, 0, Buffer.alloc(size)));
    assert.ok(frame !== undefined);
    return Buffer.concat(encodeRecord(sequence, 1, frame.rest));
  };
  const one = record(1, 65_536);
  const two = record(2, 5);
  const both = Buffer.concat([one, two]);
  assert.equal(HostResponse.decode(both).events.length, 2);
  assert.deepEqual(
    [...records(both)].map(({ start, end, sequence }) => [start, end, sequence]),
    [
      [0, one.length, 1],
      [one.length, both.length, 2],
    ],
  );
  assert.equal([...records(both.subarray(0, both.length - 1))].length, 1);
});

test("bytes that are no event are refused", () => {
  assert.throws(() => parseEventFrames(Buffer.alloc(0)), RangeError);
  assert.throws(() => parseEventFrames(Buffer.from([0x0a, 0x05, 0x08])), RangeError);
  assert.throws(() => parseEventFrames(Buffer.from([0x0a, 0x01, 0x07])), RangeError);
});
