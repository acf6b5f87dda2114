import assert from "node:assert/strict";
import { test } from "node:test";

import { parseJsonPath, valueAt } from "./json-path.ts";

const document = { status: "up", items: [{ id: 7 }, [1, 2]], "a.b": { c: null }, "": 1 };

const rows: { path: string; value: unknown }[] = [
  { path: "", value: document },
  { path: "status", value: "up" },
  { path: "items[0].id", value: 7 },
  { path: "items[1][1]", value: 2 },
  { path: '["a.b"].c', value: null },
  { path: "items[2]", value: undefined },
  { path: "items.length", value: 2 },
  { path: "status.length", value: undefined },
  { path: "toString", value: undefined },
];

for (const { path, value } of rows) {
  test(`path ${JSON.stringify(path)} leads to ${JSON.stringify(value)?.slice(0, 20)}`, () => {
    const parsed = parseJsonPath(path);
    assert.ok(parsed);
    assert.deepEqual(valueAt(document, parsed), value);
  });
}

for (const path of [".a", "a.", "a..b", "a[", "a[x]", "a]b", "a[0]b", "[]"]) {
  test(`text ${JSON.stringify(path)} is no path`, () => {
    assert.equal(parseJsonPath(path), undefined);
  });
}
