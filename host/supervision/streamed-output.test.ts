import assert from "node:assert/strict";
import { test } from "node:test";
import { StreamedOutput } from "./streamed-output.ts";

function missing(pieces: readonly string[], answer: string): string {
  const streamed = new StreamedOutput();
  for (const piece of pieces) streamed.push(Buffer.from(piece));
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
  assert.equal(missing(["out\n", "err\n"], "out\nerr\n"), "");
  assert.equal(missing(["out\n", "err\n"], "out\nerr\nremark"), "remark");
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

test("an answer in which two pieces stand in another order repeats them", () => {
  assert.equal(missing(["first\n", "out\n", "err\n"], "first\nerr\nout\nremark"), "remark");
});

test("an answer that is something else is all new", () => {
  assert.equal(missing(["10 %\n", "100 %\n"], "done"), "done");
  assert.equal(missing(["10 %\n", "100 %\n"], "3 files, 100 % of them copied\n"), "3 files, 100 % of them copied\n");
  assert.equal(missing(["done\n"], "all done\n"), "all done\n");
});
