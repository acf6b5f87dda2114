import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatVersionList, negotiateVersion, parseVersionList } from "./versions.ts";

describe("negotiateVersion()", () => {
  const rows: Record<string, { own: number[]; offered: number[]; chosen: number }> = {
    "takes the highest in common": { own: [1, 2, 3], offered: [1, 2], chosen: 2 },
    "ignores the order of both lists": { own: [3, 1, 2], offered: [1, 2, 3], chosen: 3 },
    "compares numbers, not digits": { own: [9, 10], offered: [9, 10], chosen: 10 },
    "knows version 0": { own: [0], offered: [0, 1], chosen: 0 },
    "answers its lowest when nothing is in common": { own: [2, 3], offered: [9], chosen: 2 },
    "answers its lowest to a host without a list": { own: [10, 9], offered: [], chosen: 9 },
  };
  for (const [name, { own, offered, chosen }] of Object.entries(rows)) {
    it(name, () => assert.equal(negotiateVersion(own, offered), chosen));
  }

  it("needs at least one version of its own", () => assert.throws(() => negotiateVersion([], [1]), RangeError));
});

describe("parseVersionList()", () => {
  const rows: Record<string, { text: string | undefined; versions: number[]; rejected: string[] }> = {
    "reads decimal numbers": { text: "2,1,30", versions: [2, 1, 30], rejected: [] },
    "takes an unset variable for no list": { text: undefined, versions: [], rejected: [] },
    "takes an empty variable for no list": { text: "", versions: [], rejected: [] },
    "skips what Go would not take for an integer": {
      text: "1, 5,5x,,0x2,1.5,2",
      versions: [1, 2],
      rejected: [" 5", "5x", "", "0x2", "1.5"],
    },
  };
  for (const [name, { text, versions, rejected }] of Object.entries(rows)) {
    it(name, () => assert.deepEqual(parseVersionList(text), { versions, rejected }));
  }

  it("reads what formatVersionList() writes", () => {
    assert.deepEqual(parseVersionList(formatVersionList([5, 0, 12])).versions, [5, 0, 12]);
  });
});
