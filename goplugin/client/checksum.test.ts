import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { isHostError } from "@executor-host/proto/shared/error";
import { openVerified } from "./checksum.ts";
import { resolveCommand } from "./resolve-command.ts";

describe("openVerified()", () => {
  const directory = mkdtempSync(join(tmpdir(), "checksum-"));
  const file = join(directory, "file");
  const content = Buffer.alloc(300_000, "content");
  writeFileSync(file, content);
  const right = createHash("sha256").update(content).digest("hex");

  it("gives the open file when the sum is right, in either case of its digits", async () => {
    for (const hex of [right, right.toUpperCase()]) {
      await using handle = await openVerified(file, hex);
      assert.deepEqual(await handle.readFile(), content);
    }
  });

  it("names both sums when they differ", async () => {
    const wrong = "0".repeat(64);
    await assert.rejects(openVerified(file, wrong), (error) => {
      return (
        isHostError(error) &&
        error.code === "PLUGIN_CHECKSUM_MISMATCH" &&
        error.message.includes(right) &&
        error.message.includes(wrong)
      );
    });
  });

  it("says so when the file cannot be read", async () => {
    await assert.rejects(openVerified(join(directory, "gone"), right), (error) => {
      return isHostError(error) && error.code === "PLUGIN_SPAWN_FAILED" && /ENOENT/.test(error.message);
    });
    rmSync(directory, { recursive: true });
  });
});

describe("resolveCommand()", () => {
  const env = { PATH: "/no/such/directory:/bin:/usr/bin" };

  it("takes names with a slash as they are, relative ones from the working directory", () => {
    assert.equal(resolveCommand("/opt/x", { cwd: "/work", env }), "/opt/x");
    assert.equal(resolveCommand("./x", { cwd: "/work", env }), "/work/x");
    assert.equal(resolveCommand("bin/x", { cwd: "/work", env }), "/work/bin/x");
  });

  it("looks up bare names in the child's PATH only", () => {
    assert.equal(resolveCommand("sh", { cwd: "/", env }), "/bin/sh");
    assert.equal(resolveCommand("sh", { cwd: "/", env: {} }), undefined);
    assert.equal(resolveCommand("no-such-command", { cwd: "/", env }), undefined);
  });
});
