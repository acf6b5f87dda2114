import assert from "node:assert/strict";
import test from "node:test";
import { FieldError } from "@executor-host/sdk";
import { includesCode, parseExitCodes, sharedCode } from "./exit-codes.ts";

test("parseExitCodes() reads codes and ranges", () => {
  assert.deepEqual(parseExitCodes("0"), [[0, 0]]);
  assert.deepEqual(parseExitCodes("0, 3,10-12"), [
    [0, 0],
    [3, 3],
    [10, 12],
  ]);
});

for (const text of ["", "a", "0,,1", "-1", "256", "12-10", "1-", "1-2-3", "0;1"]) {
  test(`parseExitCodes() refuses ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => parseExitCodes(text),
      (error) => error instanceof FieldError && /0,3,10-12/.test(error.hint),
    );
  });
}

test("includesCode() counts both ends of a range, and nothing is in no set", () => {
  const codes = parseExitCodes("0,10-12");
  assert.deepEqual(
    [0, 1, 9, 10, 11, 12, 13].filter((code) => includesCode(codes, code)),
    [0, 10, 11, 12],
  );
  assert.equal(includesCode(undefined, 0), false);
});

test("sharedCode() finds the first code in both sets", () => {
  assert.equal(sharedCode(parseExitCodes("0-9"), parseExitCodes("5-20")), 5);
  assert.equal(sharedCode(parseExitCodes("0"), parseExitCodes("1-255")), undefined);
});
