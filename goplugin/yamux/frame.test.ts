import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encodeHeader, flag, frameType, FrameReader, type FrameHeader } from "./frame.ts";

/** What a reader makes of bytes, as lines. */
function read(...pieces: Buffer[]): string[] {
  const seen: string[] = [];
  const reader = new FrameReader({
    onHeader: ({ type, flags, streamId, length }) => seen.push(`${type} ${flags} ${streamId} ${length}`),
    onPayload: (_header, piece) => seen.push(piece.toString()),
    onEnd: () => seen.push("end"),
  });
  for (const piece of pieces) reader.write(piece);
  return seen;
}

const data = (text: string): Buffer =>
  Buffer.concat([
    encodeHeader({ type: frameType.data, flags: flag.syn, streamId: 3, length: text.length }),
    Buffer.from(text),
  ]);

describe("A frame", () => {
  const rows: (FrameHeader & { hex: string })[] = [
    { type: frameType.data, flags: flag.syn, streamId: 1, length: 5, hex: "000000010000000100000005" },
    { type: frameType.windowUpdate, flags: flag.ack, streamId: 2, length: 262_144, hex: "000100020000000200040000" },
    { type: frameType.ping, flags: flag.syn, streamId: 0, length: 4_294_967_295, hex: "0002000100000000ffffffff" },
    { type: frameType.goAway, flags: 0, streamId: 0, length: 1, hex: "000300000000000000000001" },
    {
      type: frameType.windowUpdate,
      flags: flag.rst,
      streamId: 4_294_967_295,
      length: 0,
      hex: "00010008ffffffff00000000",
    },
  ];
  for (const { hex, ...header } of rows) {
    it(`of type ${header.type} has the bytes that the specification gives it`, () => {
      assert.equal(encodeHeader(header).toString("hex"), hex);
    });
  }

  it("is followed by its payload, and then by the next", () => {
    assert.deepEqual(read(Buffer.concat([data("ab"), data("c")])), ["0 1 3 2", "ab", "end", "0 1 3 1", "c", "end"]);
  });

  it("may come cut anywhere", () => {
    const whole = Buffer.concat([data("abc"), data(""), data("d")]);
    const header = (length: number): string => `0 1 3 ${length}`;
    for (let cut = 1; cut < whole.length; cut++) {
      const seen = read(whole.subarray(0, cut), whole.subarray(cut))
        .join(" ")
        .replaceAll(/(?<=[abc]) (?=[bc])/g, "");
      assert.equal(seen, [header(3), "abc", "end", header(0), "end", header(1), "d", "end"].join(" "), `cut at ${cut}`);
    }
    const bytes = Array.from(whole, (byte) => Buffer.of(byte));
    assert.equal(read(...bytes).filter((line) => line === "end").length, 3);
  });

  it("has no payload unless it carries data, whatever its length says", () => {
    const ping = encodeHeader({ type: frameType.ping, flags: flag.ack, streamId: 0, length: 9 });
    assert.deepEqual(read(Buffer.concat([ping, ping])), ["2 2 0 9", "end", "2 2 0 9", "end"]);
  });

  it("of another version or an unknown type is refused", () => {
    assert.throws(() => read(Buffer.from("010000000000000000000000", "hex")), { code: "PROTOCOL_VIOLATION" });
    assert.throws(() => read(Buffer.from("000400000000000000000000", "hex")), { code: "PROTOCOL_VIOLATION" });
  });
});
