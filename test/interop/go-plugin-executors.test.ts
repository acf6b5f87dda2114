import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { magicCookie } from "@executor-host/proto/shared/executor-link";
import { runGoHost, type HostReport, type OldHostReport } from "../../goplugin/interop/go-host-report.ts";
import { buildGoPeers, skipWithoutGo, type GoPeers } from "../../goplugin/interop/go-peers.ts";

const directory = join(import.meta.dirname, "../../dist/plugins");
const executors = existsSync(directory) ? readdirSync(directory).toSorted() : [];
const cookie = ["-probe", "-cookie", `${magicCookie.key}=${magicCookie.value}`];

function whySkipped(): string | false {
  return executors.length === 0 ? "skipped: nothing is built in dist/plugins" : skipWithoutGo();
}

describe("A host made with Go's go-plugin launches", { skip: whySkipped(), timeout: 300_000 }, () => {
  let peers: GoPeers;
  let env: NodeJS.ProcessEnv & { TMPDIR: string };
  before(async () => {
    peers = await buildGoPeers();
    env = { PATH: process.env["PATH"], TMPDIR: mkdtempSync(join(tmpdir(), "go-host-")) };
  });
  after(() => {
    if (env === undefined) return;
    const left = readdirSync(env.TMPDIR).filter((name) => name.startsWith("plugin"));
    rmSync(env.TMPDIR, { recursive: true });
    assert.deepEqual(left, [], "no socket is left");
  });

  for (const name of executors) {
    const command = [join(directory, name)];

    it(`${name}, in plaintext, by Dkron's contract`, async () => {
      const report = await runGoHost<HostReport>(peers.host, [...cookie, "-versions", "1"], command, env);
      assert.deepEqual([report.version, report.exited], [1, true]);
      assert.doesNotMatch(report.log, /"@level":"error"|failed to exit gracefully/);
    });

    it(`${name}, over one connection with mutual TLS, by its own contract`, async () => {
      const report = await runGoHost<HostReport>(peers.host, [...cookie, "-automtls", "-multiplex"], command, env);
      assert.deepEqual([report.version, report.exited], [2, true]);
      assert.doesNotMatch(report.log, /"@level":"error"|failed to exit gracefully/);
    });

    it(`${name}, with the release of 2019`, async () => {
      const report = await runGoHost<OldHostReport>(peers.oldHost, [...cookie, "-versions", "1"], command, env);
      assert.deepEqual([report.version, report.exited], [1, true]);
      assert.doesNotMatch(report.log, /failed to exit gracefully/);
    });
  }
});
