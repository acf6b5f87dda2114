import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { fixture, until } from "../fixtures/sandbox.ts";
import { buildGoPeers, skipWithoutGo, type GoPeers } from "./go-peers.ts";

const buildMs = 300_000;

/** What `test/interop/go-plugin/host` prints. */
interface Report {
  readonly version: number;
  readonly said: string;
  readonly calledBack: string[];
  readonly offered: string[];
  readonly stdout: string;
  readonly stderr: string;
  readonly log: string;
  readonly pid: number;
  readonly address: string;
  readonly exited: boolean;
}

const plugin = [process.execPath, fixture("echo-plugin.ts")];

describe("A host made with Go's go-plugin", { skip: skipWithoutGo(), timeout: buildMs }, () => {
  let peers: GoPeers;
  let env: NodeJS.ProcessEnv;
  before(async () => {
    peers = await buildGoPeers();
    // A Go host leaves sockets of its own broker behind.
    env = { ...process.env, TMPDIR: mkdtempSync(join(tmpdir(), "go-host-")) };
  });
  after(() => env["TMPDIR"] !== undefined && rmSync(env["TMPDIR"], { recursive: true }));

  async function run(...flags: string[]): Promise<Report> {
    const { stdout } = await promisify(execFile)(peers.host, [...flags, "--", ...plugin], { env });
    return JSON.parse(stdout);
  }

  for (const flags of [[], ["-automtls"], ["-multiplex"], ["-automtls", "-multiplex"]]) {
    const security = flags.includes("-automtls") ? "mutual TLS" : "plaintext";
    const kind = flags.includes("-multiplex") ? `one connection with ${security}` : security;

    it(`works with our plugin in every direction over ${kind}, reads its log, and ends it in order`, async () => {
      const report = await run(...flags);
      assert.equal(report.version, 2);
      assert.equal(report.said, "ts v2: hello");
      assert.deepEqual(report.calledBack, ["go host: called back", "go host: called back"]);
      assert.deepEqual(report.offered, ["ts v2 brokered: hello", "ts v2 brokered: hello"]);
      assert.equal(report.stdout, "out text without a line feed, then the end");
      assert.equal(report.stderr, "err text without a line feed, then the end");

      const log = report.log.trimEnd().split("\n");
      const entries: Record<string, unknown>[] = log.map((line) => JSON.parse(line));
      const noted = entries.find((entry) => entry["@message"] === "noted");
      assert.deepEqual([noted?.["@level"], noted?.["@module"], noted?.["count"]], ["warn", "echo", 7]);

      assert.equal(report.exited, true);
      assert.doesNotMatch(report.log, /failed to exit gracefully/);
      assert.deepEqual(
        entries.filter((entry) => entry["@level"] === "error"),
        [],
      );
      assert.equal(existsSync(report.address), false);
      assert.throws(() => process.kill(report.pid, 0), { code: "ESRCH" });
    });
  }

  it("gets the version it offers", async () => {
    const report = await run("-versions", "1");
    assert.equal(report.version, 1);
    assert.equal(report.said, "ts v1: hello");
  });

  it("takes our plugin with it when it is killed, and the socket too", async () => {
    const host = spawn(peers.host, ["-hang", "--", ...plugin], { env, stdio: ["ignore", "pipe", "inherit"] });
    const [line] = await once(createInterface(host.stdout), "line");
    const { pid, address }: Report = JSON.parse(line);
    assert.equal(existsSync(address), true);
    host.kill("SIGKILL");
    await once(host, "exit");
    await until(() => !existsSync(address));
    await until(() => !existsSync(`/proc/${pid}/exe`));
  });
});
