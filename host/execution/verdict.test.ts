import assert from "node:assert/strict";
import { test } from "node:test";
import { makeResult, type Effect, type Outcome } from "../model/model.ts";
import { verdict } from "./verdict.ts";

type Row = readonly [outcome: Outcome, effect: Effect];

const rows: readonly { title: string; attempts: readonly Row[]; expected: Row }[] = [
  { title: "the only attempt decides", attempts: [["FAILED", "NONE"]], expected: ["FAILED", "NONE"] },
  {
    title: "the last attempt decides",
    attempts: [
      ["FAILED", "NONE"],
      ["SUCCEEDED", "HAPPENED"],
    ],
    expected: ["SUCCEEDED", "HAPPENED"],
  },
  {
    title: "what an earlier attempt did stays done",
    attempts: [
      ["TIMED_OUT", "UNKNOWN"],
      ["FAILED", "NONE"],
    ],
    expected: ["FAILED", "UNKNOWN"],
  },
  {
    title: "an attempt that was not started does not hide one that was",
    attempts: [
      ["EXECUTOR_CRASHED", "UNKNOWN"],
      ["NOT_STARTED", "NONE"],
      ["NOT_STARTED", "NONE"],
    ],
    expected: ["EXECUTOR_CRASHED", "UNKNOWN"],
  },
  {
    title: "an execution none of whose attempts was started was not started",
    attempts: [
      ["NOT_STARTED", "NONE"],
      ["NOT_STARTED", "NONE"],
    ],
    expected: ["NOT_STARTED", "NONE"],
  },
];

for (const { title, attempts, expected } of rows) {
  test(title, () => {
    const result = verdict(attempts.map(([outcome, effect]) => makeResult(outcome, { effect })));
    assert.deepEqual([result.outcome, result.effect], expected);
  });
}

test("an attempt that was not started leaves a remark", () => {
  const attempts = [
    makeResult("FAILED"),
    makeResult("NOT_STARTED", { message: "the executor is gone", effect: "NONE" }),
  ];
  assert.deepEqual(verdict(attempts).warnings, ["attempt 2 was not started: the executor is gone"]);
});
