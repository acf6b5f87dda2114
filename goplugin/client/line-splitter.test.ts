import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LineSplitter } from "./line-splitter.ts";
import { OutputTail } from "./output-tail.ts";

function split(chunks: (string | Buffer)[], maxCharacters?: number): [line: string, isComplete: boolean][] {
  const lines: [string, boolean][] = [];
  const splitter = new LineSplitter((line, isComplete) => lines.push([line, isComplete]), maxCharacters);
  for (const chunk of chunks) splitter.write(Buffer.from(chunk as string));
  splitter.end();
  return lines;
}

describe("LineSplitter", () => {
  it("joins lines over chunks and keeps blank ones", () => {
    const lines = split(["a", "b\n", "\nc\r\nd"]);
    assert.deepEqual(lines, [
      ["ab", true],
      ["", true],
      ["c", true],
      ["d", true],
    ]);
  });

  it("keeps characters whole that a chunk cuts", () => {
    const bytes = Buffer.from("grüße ✓\n");
    const single = Array.from(bytes, (byte) => Buffer.of(byte));
    assert.deepEqual(split(single), [["grüße ✓", true]]);
  });

  it("passes on an endless line in pieces that say so", () => {
    const lines = split(["x".repeat(25), "y\nshort\n"], 10);
    assert.deepEqual(lines, [
      ["x".repeat(10), false],
      ["x".repeat(10), false],
      ["xxxxxy", false],
      ["short", true],
    ]);
  });

  it("holds no more of an endless line than the limit", () => {
    const splitter = new LineSplitter(() => undefined, 10);
    for (let count = 0; count < 1000; count++) splitter.write(Buffer.from("x".repeat(7)));
    assert.ok(splitter.unfinished.length <= 10);
  });
});

describe("OutputTail", () => {
  it("keeps everything of a short output", () => {
    const tail = new OutputTail();
    tail.write(Buffer.from("a\n"));
    tail.write(Buffer.from("b"));
    assert.equal(tail.toString(), "a\nb");
  });

  it("keeps the last 8 KiB of a long one, from the start of a line", () => {
    const tail = new OutputTail();
    for (let line = 0; line < 10_000; line++) tail.write(Buffer.from(`line ${line}\n`));
    const text = tail.toString();
    assert.ok(text.length <= 8 * 1024 && text.length > 8 * 1024 - 20);
    assert.match(text, /^line \d+\n/);
    assert.ok(text.endsWith("line 9999\n"));
  });

  it("keeps the end of one huge chunk", () => {
    const tail = new OutputTail();
    tail.write(Buffer.from(`${"x".repeat(1_000_000)}\nthe end\n`));
    assert.equal(tail.toString(), "the end\n");
  });
});
