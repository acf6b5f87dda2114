import assert from "node:assert/strict";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import type { ProbeReport } from "@executor-host/sdk";
import { createShell } from "../definition.ts";
import { needsRoot } from "./support/needs.ts";

const hang = { timeout: 60_000 };

async function probe(keys: Readonly<Record<string, string>>, supervisor?: "none"): Promise<ProbeReport | undefined> {
  const shell = createShell({ supervisor });
  try {
    const { value } = shell.config.parse(keys);
    assert.ok(value !== undefined);
    return await shell.probe?.({ config: value, signal: new AbortController().signal });
  } finally {
    await shell.close?.();
  }
}

test("a job that can be started is said to be, with what will hold its limits, and does not run", hang, async () => {
  for (const supervisor of [undefined, "none"] as const) {
    const report = await probe({ command: "rm -rf /no/such/directory", umask: "022" }, supervisor);
    assert.equal(report?.ok, true, report?.message);
    assert.match(report?.message ?? "", /\/rm can be started$/);
    if (supervisor !== undefined) assert.equal(report?.details?.["supervisor"], supervisor);
  }
});

const impossible: readonly [keys: Readonly<Record<string, string>>, code: string][] = [
  [{ command: "no-such-program-here" }, "COMMAND_NOT_FOUND"],
  [{ command: "true", su: "no-such-user-here" }, "USER_UNKNOWN"],
  [{ command: "true", cwd: "/no/such/directory" }, "CWD_UNUSABLE"],
  [{ command: "true", open_files_limit: "99999999999" }, "SETUP_FAILED"],
];
for (const [keys, code] of impossible) {
  test(`a job that would fail with ${code} is told of before it runs`, hang, async () => {
    for (const supervisor of [undefined, "none"] as const) {
      const report = await probe(keys, supervisor);
      assert.deepEqual([report?.ok, report?.code], [false, code]);
    }
  });
}

test("a directory that only the job's user may not enter is found by trying", hang, async (t) => {
  if (!needsRoot(t)) return;
  // Nobody but its owner may enter such a directory.
  const cwd = mkdtempSync(join(tmpdir(), "shell-test-"));
  t.after(() => rmdirSync(cwd));
  const report = await probe({ command: "/bin/true", su: "nobody", cwd });
  assert.equal(report?.code, "CWD_UNUSABLE");
});
