import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { magicCookie } from "@executor-host/proto/shared/executor-link";
import { runGoHost } from "../../goplugin/interop/go-host-report.ts";
import { buildGoPeers, skipWithoutGo } from "../../goplugin/interop/go-peers.ts";
import { TempDir } from "../support/temp-dir.ts";

const examples = join(import.meta.dirname, "../../executors/examples");
const probe = ["-probe", "-cookie", `${magicCookie.key}=${magicCookie.value}`];
const ways = { "in plaintext": [], "with mutual TLS": ["-automtls"] } as const;

/** An example whose go-plugin is its own is launched by the real one too. Comes after `testExample`, which builds it. */
export function testUnderGoHost(language: string): void {
  describe(`a host made with Go's go-plugin launches the example in ${language}`, { skip: skipWithoutGo() }, () => {
    for (const [way, flags] of Object.entries(ways)) {
      it(way, { timeout: 300_000 }, async (context) => {
        const path = join(examples, language, "dist/dkron-executor-checksum");
        if (!existsSync(path)) return context.skip("skipped: it is not built");
        await using dir = await TempDir.create();
        const { host } = await buildGoPeers();
        const env = { PATH: process.env["PATH"], TMPDIR: dir.path };
        const report = await runGoHost(host, [...probe, ...flags], [path], env);
        assert.deepEqual([report.version, report.exited], [2, true]);
        assert.doesNotMatch(report.log, /"@level":"error"|failed to exit gracefully/);
        assert.equal(report.raw, "", "it logs nothing without need");
        assert.deepEqual(await readdir(dir.path), [], "no socket is left");
      });
    }
  });
}
