import assert from "node:assert/strict";
import { test } from "node:test";

import { labelKeys } from "../container/names.ts";
import { showOwner, thisOwner, type Owner } from "../container/owner.ts";
import { parsePolicy } from "../policy/policy.ts";
import { reasonToRemove, type Candidate } from "./judge.ts";

const hour = 3_600_000;
const now = Date.parse("2030-01-01T00:00:00Z");
const here = thisOwner();
const dead: Owner = { ...here, startTime: "1" };
const elsewhere: Owner = { ...here, place: "another machine" };
const { policy } = parsePolicy("{}", "");

function candidate(
  state: string,
  owner: Owner,
  more: Partial<Candidate> & { deadline?: number; keep?: true } = {},
): Candidate {
  const { deadline, keep, ...rest } = more;
  return {
    name: "executor-host-x-1",
    labels: {
      [labelKeys.owner]: showOwner(owner),
      [labelKeys.onHostLoss]: keep === true ? "keep" : "stop",
      ...(deadline !== undefined && { [labelKeys.deadline]: new Date(deadline).toISOString() }),
    },
    state,
    createdMs: now - 48 * hour,
    finishedMs: undefined,
    ...rest,
  };
}

const cases: readonly [what: string, candidate: Candidate, isRemoved: boolean][] = [
  ["one that runs and has its host", candidate("running", here), false],
  ["one that ended long ago and has its host", candidate("exited", here, { finishedMs: now - 24 * hour }), false],
  ["one that runs without its host", candidate("running", dead), true],
  ["one that runs without its host, and was to", candidate("running", dead, { keep: true }), false],
  ["one that runs past its deadline", candidate("running", dead, { keep: true, deadline: now - hour }), true],
  ["one that runs to its deadline", candidate("running", dead, { keep: true, deadline: now + hour }), false],
  ["one that runs, and whose host is on another machine", candidate("running", elsewhere), false],
  ["one whose result may still be wanted", candidate("exited", dead, { finishedMs: now - hour / 2 }), false],
  ["one whose result nobody wanted", candidate("exited", dead, { finishedMs: now - 2 * hour }), true],
  ["one that was made and never started", candidate("created", elsewhere), true],
  ["one that is kept", candidate("exited", dead, { name: "x-kept-0123456789ab", finishedMs: now - 2 * hour }), false],
  [
    "one that was kept for days",
    candidate("exited", dead, { name: "x-kept-0123456789ab", finishedMs: now - 48 * hour }),
    true,
  ],
];

for (const [what, container, isRemoved] of cases) {
  test(`a sweep ${isRemoved ? "removes" : "leaves"} ${what}`, () => {
    assert.ok(policy);
    assert.equal(reasonToRemove(container, here, policy, now) !== undefined, isRemoved);
  });
}
