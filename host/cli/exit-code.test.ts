import assert from "node:assert/strict";
import { test } from "node:test";
import { errorCodes, type ErrorCode } from "@executor-host/proto/shared/error";
import { makeResult, type Outcome, type Result } from "../model/model.ts";
import { exitCodeOfError, exitCodeOfResult } from "./exit-code.ts";

const rows: ReadonlyArray<readonly [Outcome, Partial<Result>, number]> = [
  ["SUCCEEDED", {}, 0],
  ["SUCCEEDED", { exitCode: 3 }, 0],
  ["FAILED", {}, 1],
  ["FAILED", { exitCode: 0 }, 1],
  ["FAILED", { exitCode: 1 }, 1],
  ["FAILED", { exitCode: 255 }, 255],
  ["FAILED", { exitCode: 256 }, 1],
  ["FAILED", { exitCode: -1 }, 1],
  ["FAILED", { signal: "SIGKILL" }, 137],
  ["FAILED", { signal: "SIGSEGV" }, 139],
  ["FAILED", { signal: "SIGWHAT" }, 1],
  ["TIMED_OUT", { exitCode: 143 }, 124],
  ["CANCELLED", {}, 130],
  ["OUT_OF_MEMORY", {}, 137],
  ["REJECTED", {}, 64],
  ["NOT_STARTED", {}, 75],
  ["EXECUTOR_CRASHED", {}, 70],
  ["LOST", {}, 71],
];

for (const [outcome, parts, expected] of rows) {
  test(`an execution that ends ${outcome} ${JSON.stringify(parts)} gives exit code ${expected}`, () => {
    assert.equal(exitCodeOfResult(makeResult(outcome, parts)), expected);
  });
}

test("every error gives an exit code that is no success", () => {
  for (const code of Object.keys(errorCodes)) {
    const exitCode = exitCodeOfError(code as ErrorCode);
    assert.ok(exitCode >= 1 && exitCode <= 255, code);
  }
  assert.equal(exitCodeOfError("HOST_UNREACHABLE"), 69);
  assert.equal(exitCodeOfError("QUEUE_FULL"), 75);
  assert.equal(exitCodeOfError("CONFIG_INVALID"), 64);
});
