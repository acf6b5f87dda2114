import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { renderPage, withoutTimes } from "./page.ts";

test("docs/faults.md tells what the rows say", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/faults.md"), "utf8");
  assert.equal(withoutTimes(page), withoutTimes(renderPage(() => undefined)), "run scripts/faults and commit the page");
});
