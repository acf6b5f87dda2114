import assert from "node:assert/strict";
import { test } from "node:test";
import { Channel } from "@executor-host/proto/executor";
import { StreamedOutput } from "./streamed-output.ts";

/** Pieces of stdout, and of stderr those that start with an exclamation mark. */
function missing(pieces: readonly string[], answer: string): string {
  const streamed = new StreamedOutput();
  for (const piece of pieces)
    streamed.push(piece.startsWith("!") ? Channel.STDERR : Channel.STDOUT, Buffer.from(piece));
  return streamed.missingIn(Buffer.from(answer)).toString();
}

/** Lines that are all different, as many bytes as asked for. */
function lines(bytes: number): string {
  return Array.from({ length: bytes / 10 }, (_, index) => `${index}`.padStart(9, "0")).join("\n") + "\n";
}

test("an answer after no stream is all new", () => {
  assert.equal(missing([], "answer"), "answer");
  assert.equal(missing([""], "answer"), "answer");
});

test("an answer that repeats the stream adds what stands behind it", () => {
  assert.equal(missing(["out\n", "!err\n"], "out\n!err\n"), "");
  assert.equal(missing(["out\n", "!err\n"], "out\n!err\nremark"), "remark");
  assert.equal(missing([".", ".", "."], "... and so on."), " and so on.");
  assert.equal(missing(["out\n"], ""), "");
});

test("an answer that repeats the end of the stream adds what stands behind it", () => {
  const all = lines(1_000_000);
  const pieces = [all.slice(0, 400_000), all.slice(400_000, 999_990), all.slice(999_990)];
  assert.equal(missing(pieces, all.slice(-256_000)), "");
  assert.equal(missing(pieces, `${all}remark\n`.slice(-256_000)), "remark\n");
  assert.equal(missing([all], `${all}remark\n`.slice(-2_000)), "remark\n");
});

test("a remark that pushes out the beginning of the stream comes whole", () => {
  const all = lines(256_000);
  assert.equal(missing([all], `${all}remark`.slice(-256_000)), "remark");
});

test("an answer in which pieces of the two channels stand in another order repeats them", () => {
  assert.equal(missing(["first\n", "out\n", "!err\n"], "first\n!err\nout\nremark"), "remark");
  const [out, err] = [lines(20_000), `!${lines(40_000)}`];
  assert.equal(missing([out, err], err + out), "");
  assert.equal(missing([out, err, "last\n"], `last\n${out}${err}remark`), "remark");
});

test("an answer in which pieces of the two channels met repeats what is left of them", () => {
  assert.equal(missing(["a\n", "!b\n"], "!b\n"), "");
  assert.equal(missing(["a\n", "!b\n", "c\n", "!d\n"], "a\nc\nremark"), "remark");
  assert.equal(missing(["a\n", "!b\n", "c\n", "!d\n"], "!b\n\0\0!d\n\0\0remark"), "\0\0remark");
});

test("an answer that is something else is all new", () => {
  assert.equal(missing(["10 %\n", "100 %\n"], "done"), "done");
  assert.equal(missing(["10 %\n", "100 %\n"], "3 files, 100 % of them copied\n"), "3 files, 100 % of them copied\n");
  assert.equal(missing(["done\n"], "all done\n"), "all done\n");
  assert.equal(missing(["row 1\n", "row 2\n"], "2\n"), "2\n");
  assert.equal(missing(["copying\n", "!slowly\n"], "3 files\n"), "3 files\n");
});
