import assert from "node:assert/strict";
import { test } from "node:test";

import { FieldError } from "@executor-host/sdk";

import { parseStatusSet } from "./status-set.ts";

const rows: { text: string; yes: number[]; no: number[] }[] = [
  { text: "200", yes: [200], no: [201, 404] },
  { text: "200,204", yes: [200, 204], no: [201] },
  { text: " 200 , 204 ,", yes: [200, 204], no: [201] },
  { text: "300-399", yes: [300, 399], no: [299, 400] },
  { text: "2xx,3XX", yes: [200, 299, 304], no: [400] },
  { text: "any", yes: [100, 200, 500, 599], no: [] },
  { text: "", yes: [200, 299], no: [199, 300, 500] },
];

for (const { text, yes, no } of rows) {
  test(`expectCode ${JSON.stringify(text)} holds exactly what it says`, () => {
    const set = parseStatusSet(text);
    for (const status of yes) assert.equal(set.includes(status), true, `${status} in`);
    for (const status of no) assert.equal(set.includes(status), false, `${status} out`);
  });
}

// Dkron searched for "code," in the list, so that 1200 accepted 200 (HT4).
for (const text of ["1200", "20", "2x", "200-", "abc", "300-200", "200;204", "0xx"]) {
  test(`expectCode ${JSON.stringify(text)} is refused`, () => {
    assert.throws(() => parseStatusSet(text), FieldError);
  });
}
