import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { findViolations } from "./boundaries.ts";

test("imports against the arrows are found, in whatever form they come", (t) => {
  const root = mkdtempSync(join(tmpdir(), "arrows-"));
  t.after(() => rmSync(root, { recursive: true }));
  const files = {
    "goplugin/client/ok.ts": `import { x } from "@executor-host/proto/shared/error";\nimport fs from "node:fs";`,
    "goplugin/client/up.ts": `import { x } from "@executor-host/sdk";`,
    "host/api/ok.ts": `import { a } from "../execution/a.ts";\nimport { b } from "../supervision/b.ts";`,
    "host/journal/up.ts": `import { noRetry } from "../execution/retry.ts";`,
    "host/execution/lazy.ts": `const x = await import("../api/x.ts");`,
    "host/cli/executor.ts": `export { y } from "@executor-host/executor-shell";`,
    "host/policy/again.ts": `import type { H } from "../host.ts";`,
    "executors/http/ok.ts": `import { a } from "@executor-host/sdk/testing";\nimport { b } from "./auth/b.ts";`,
    "executors/http/neighbour.ts": `import {\n  a,\n} from "../shell/a.ts";`,
    "executors/http/deep.ts": `import { z } from "@executor-host/proto/executor";`,
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  assert.deepEqual(findViolations(root), [
    "executors/http/deep.ts:1: executors must not import proto/executor",
    "executors/http/neighbour.ts:3: executors must not import executors/shell/a.ts",
    "goplugin/client/up.ts:1: goplugin must not import executors/sdk",
    "host/cli/executor.ts:1: host/cli must not import executors/shell",
    "host/execution/lazy.ts:1: host/execution must not import host/api/x.ts",
    "host/journal/up.ts:1: host/journal must not import host/execution/retry.ts",
    "host/policy/again.ts:1: host/policy must not import host/host.ts",
  ]);
});
