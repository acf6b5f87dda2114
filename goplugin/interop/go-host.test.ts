import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { fixture, nodeFixture, Sandbox, until } from "../fixtures/sandbox.ts";
import { formatAddress } from "../protocol/address.ts";
import type { ReattachInfo } from "../protocol/reattach-info.ts";
import { runGoHost, type HostReport, type OldHostReport } from "./go-host-report.ts";
import { buildGoPeers, skipWithoutGo, type GoPeers } from "./go-peers.ts";

const buildMs = 300_000;
const plugin = [process.execPath, fixture("echo-plugin.ts")];
const tcpPlugin = [...plugin, '{"network":"tcp"}'];

/** Everything that a link is for has worked. */
function assertComplete(report: HostReport): void {
  assert.equal(report.said, "ts v2: hello");
  assert.deepEqual(report.streamed, [21, 22, 23, 24, 25, 26]);
  assert.deepEqual(report.calledBack, ["go host: called back", "go host: called back"]);
  assert.deepEqual(report.offered, ["ts v2 brokered: hello", "ts v2 brokered: hello"]);
}

/** Reattach info as the Go host takes it. */
function toGo({ address, pid, appVersion, isTest }: ReattachInfo): string {
  const { network } = address;
  return JSON.stringify({ network, address: formatAddress(address), pid, version: appVersion, test: isTest ?? false });
}

describe("A host made with Go's go-plugin", { skip: skipWithoutGo(), timeout: buildMs }, () => {
  let peers: GoPeers;
  let env: NodeJS.ProcessEnv & { TMPDIR: string };
  before(async () => {
    peers = await buildGoPeers();
    // A Go host leaves sockets of its own broker behind.
    env = { ...process.env, TMPDIR: mkdtempSync(join(tmpdir(), "go-host-")), SEEN_BY: "everybody" };
  });
  after(() => env !== undefined && rmSync(env.TMPDIR, { recursive: true }));

  function run(flags: string[], command = plugin): Promise<HostReport> {
    return runGoHost(peers.host, flags, command, env);
  }

  const links = {
    plaintext: { flags: [] },
    "mutual TLS": { flags: ["-automtls"] },
    "one connection in plaintext": { flags: ["-multiplex"] },
    "one connection with mutual TLS": { flags: ["-automtls", "-multiplex"] },
    tcp: { flags: [], command: tcpPlugin },
    "tcp with mutual TLS": { flags: ["-automtls"], command: tcpPlugin },
    "one tcp connection with mutual TLS": { flags: ["-automtls", "-multiplex"], command: tcpPlugin },
  };
  for (const [kind, { flags, command }] of Object.entries<{ flags: string[]; command?: string[] }>(links)) {
    it(`works with our plugin in every direction over ${kind}, reads its log, and ends it in order`, async () => {
      const report = await run(flags, command);
      assert.equal(report.version, 2);
      assertComplete(report);
      assert.equal(report.stdout, "out text without a line feed, then the end");
      assert.equal(report.stderr, "err text without a line feed, then the end");

      const log = report.log.trimEnd().split("\n");
      const entries: Record<string, unknown>[] = log.map((line) => JSON.parse(line));
      const noted = entries.find((entry) => entry["@message"] === "noted");
      assert.deepEqual([noted?.["@level"], noted?.["@module"], noted?.["count"]], ["warn", "echo", 7]);
      assert.match(report.raw, /^\{.*"@message":"noted".*\}$/m);

      assert.equal(report.exited, true);
      assert.notEqual(report.pingAfter, "");
      assert.doesNotMatch(report.log, /failed to exit gracefully/);
      assert.deepEqual(
        entries.filter((entry) => entry["@level"] === "error"),
        [],
      );
      assert.equal(report.network, command === undefined ? "unix" : "tcp");
      assert.equal(existsSync(report.address), false);
      assert.throws(() => process.kill(report.pid, 0), { code: "ESRCH" });
    });
  }

  for (const [offered, agreed] of Object.entries({ 1: 1, 2: 2, "2,3": 2, "0,1,7": 1 })) {
    it(`that offers ${offered} gets ${agreed} of 1 and 2`, async () => {
      assert.equal((await run(["-probe", "-versions", offered])).version, agreed);
    });
  }

  it("is told the lowest version when it offers none of them", async () => {
    const attempt = run(["-probe", "-versions", "3,4"]);
    await assert.rejects(
      attempt,
      /incompatible API version with plugin. Plugin version: 1, Client versions: \[(3 4|4 3)\]/,
    );
  });

  it("passes its environment on, unless it is told not to", async () => {
    assert.equal((await run(["-ask", "$SEEN_BY"])).asked, "everybody");
    assert.equal((await run(["-ask", "$SEEN_BY", "-skip-host-env"])).asked, "unset");
  });

  it("gives the sockets to a group", async () => {
    const group = String(process.getgid?.());
    assert.equal((await run(["-probe"])).socketMode, 0o600);
    assert.equal((await run(["-group", group, "-multiplex"])).socketMode, 0o660);
  });

  it("starts our plugin by its checksum, and no other", async () => {
    const launcher = join(env.TMPDIR, "launcher");
    writeFileSync(launcher, `#!/bin/sh\nexec ${plugin.join(" ")}\n`, { mode: 0o700 });
    const sum = createHash("sha256").update(readFileSync(launcher)).digest("hex");
    assert.equal((await run(["-probe", "-sha256", sum], [launcher])).version, 2);
    await assert.rejects(run(["-probe", "-sha256", "00".repeat(32)], [launcher]), /checksums did not match/);
  });

  it("is shown who our plugin is when the cookie is another", async () => {
    await assert.rejects(run(["-probe", "-cookie", "OTHER=cookie"]), /Failed to read any lines from plugin's stdout/);
  });

  for (const network of ["unix", "tcp"]) {
    it(`reattaches to our plugin over ${network}, and ends it`, async () => {
      await using sandbox = new Sandbox();
      const options = JSON.stringify({ network });
      const first = await sandbox.launch({ ...nodeFixture("echo-plugin.ts", options), survivesHost: true });
      const report = await run(["-reattach", toGo(first.reattachInfo())], []);
      assertComplete(report);
      assert.equal(report.exited, true);
      const exit = await first.exited;
      assert.deepEqual([exit.code, exit.steps], [0, []]);
    });

    it(`reattaches to our plugin in test mode over ${network}, and leaves it alone`, async () => {
      await using sandbox = new Sandbox();
      const { command, args = [] } = nodeFixture("echo-plugin.ts", JSON.stringify({ test: true, network }));
      const child = spawn(command, args, {
        env: { ...process.env, PLUGIN_UNIX_SOCKET_DIR: sandbox.directory },
        stdio: ["pipe", "pipe", "ignore"],
      });
      sandbox.pids.push(child.pid ?? 0);
      const [line] = await once(createInterface(child.stdout), "line");
      const flags = ["-probe", "-reattach", toGo(JSON.parse(line))];
      for (let round = 1; round <= 2; round++) {
        const report = await run(flags, []);
        assert.equal(report.version, 2);
        // Its own connection stays open as well.
        assert.equal(report.pingAfter, "");
      }
      child.stdin.end();
      assert.deepEqual(await once(child, "exit"), [0, null]);
      await assert.rejects(run(flags, []), /[Rr]eattachment process not found/);
    });
  }

  it("takes our plugin with it when it is killed, and the socket too", async () => {
    const host = spawn(peers.host, ["-hang", "--", ...plugin], { env, stdio: ["ignore", "pipe", "inherit"] });
    const [line] = await once(createInterface(host.stdout), "line");
    const { pid, address }: HostReport = JSON.parse(line);
    assert.equal(existsSync(address), true);
    host.kill("SIGKILL");
    await once(host, "exit");
    await until(() => !existsSync(address));
    await until(() => !existsSync(`/proc/${pid}/exe`));
  });

  describe("of release 1.0.1", () => {
    for (const flags of [[], ["-automtls"]]) {
      it(`works with our plugin in every direction over ${flags.length === 0 ? "plaintext" : "mutual TLS"}`, async () => {
        const report = await runGoHost<OldHostReport>(peers.oldHost, flags, plugin, env);
        assert.deepEqual([report.version, report.said], [2, "ts v2: hello"]);
        assert.equal(report.calledBack, "go 1.0 host: called back");
        assert.equal(report.offered, "ts v2 brokered: hello");
        assert.equal(report.exited, true);
        assert.doesNotMatch(report.log, /failed to exit gracefully/);
      });
    }
  });
});
