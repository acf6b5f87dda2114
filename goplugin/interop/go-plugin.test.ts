import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { before, describe, it } from "node:test";
import type { ServiceError } from "@grpc/grpc-js";
import { isHostError } from "@executor-host/proto/shared/error";
import { fromStatus } from "@executor-host/proto/shared/status";
import { reattachPlugin, type PluginProcess } from "../client/index.ts";
import { addEchoService, echoCalls, EchoClient, echoOn, streamNumbers, type Echo } from "../fixtures/echo-service.ts";
import { Sandbox, until } from "../fixtures/sandbox.ts";
import { buildGoPeers, skipWithoutGo, type GoPeers } from "./go-peers.ts";

const buildMs = 300_000;

function echo(plugin: PluginProcess): Echo {
  return echoCalls(plugin.client(EchoClient));
}

describe("A plugin made with Go's go-plugin", { skip: skipWithoutGo(), timeout: buildMs }, () => {
  let peers: GoPeers;
  before(async () => {
    peers = await buildGoPeers();
  });

  const links = [
    { kind: "plaintext", autoMtls: false },
    { kind: "mutual TLS on P-521", autoMtls: { curve: "P-521" } },
    { kind: "mutual TLS on P-256", autoMtls: true },
    { kind: "one connection in plaintext", autoMtls: false, multiplex: true },
    { kind: "one connection with mutual TLS", autoMtls: true, multiplex: true },
  ] as const;
  for (const { kind, ...options } of links) {
    it(`works with our host in every direction over ${kind}`, async () => {
      await using sandbox = new Sandbox();
      await using plugin = await sandbox.launch({ command: peers.plugin, ...options });
      assert.equal(plugin.appVersion, 2);
      await plugin.ping();
      assert.equal(await echo(plugin).say("hello"), "go v2: hello");
      const numbers = [21, 22, 23, 24, 25, 26];
      assert.deepEqual(await streamNumbers(plugin.client(EchoClient), numbers), numbers);

      for (let round = 1; round <= 2; round++) {
        const id = plugin.broker.nextId();
        await using _served = await plugin.broker.serve(id, (server) => {
          addEchoService(server, { say: async (text) => `host: ${text}` });
        });
        assert.equal(await echo(plugin).callBack(id), "host: called back");
        const channel = await plugin.broker.dial(await echo(plugin).offer());
        assert.equal(await echoOn(channel).say("hello"), "go v2 brokered: hello");
        channel.close();
      }
      assert.equal((await echo(plugin).repeat(5 * 1024 * 1024)).length, 5 * 1024 * 1024);
    });

    it(`has its output and its log read over ${kind}`, async () => {
      await using sandbox = new Sandbox();
      await using plugin = await sandbox.launch({ command: peers.plugin, ...options });
      await echo(plugin).print("text");
      await until(() => sandbox.stdio.stdout === "out text" && sandbox.stdio.stderr === "err text");
      await echo(plugin).log("noted");
      await until(() => sandbox.logs.some(({ message }) => message === "noted"));
      const entry = sandbox.logs.find(({ message }) => message === "noted");
      assert.equal(entry?.level, "warn");
      assert.equal(entry.logger, "echo");
      assert.equal(entry.fields["count"], 7);
      assert.ok(entry.time instanceof Date);
    });

    it(`ends in order over ${kind}, with its sockets`, async () => {
      await using sandbox = new Sandbox();
      const farewell = join(sandbox.directory, "farewell");
      const plugin = await sandbox.launch({ command: peers.plugin, ...options, env: { ECHO_FAREWELL_FILE: farewell } });
      const exit = await plugin.stop();
      assert.equal(exit.code, 0);
      assert.deepEqual(
        exit.steps.map(({ step }) => step),
        ["shutdown"],
      );
      assert.equal(readFileSync(farewell, "utf8"), "bye");
      assert.deepEqual(readdirSync(sandbox.runtimeDir), []);
    });
  }

  it("does not stall on its prints, though nobody wants them", async () => {
    await using sandbox = new Sandbox();
    let bytes = 0;
    await using plugin = await sandbox.launch({
      command: peers.plugin,
      onStdio: (channel, data) => (bytes += channel === "stdout" ? data.length : 0),
    });
    const text = "x".repeat(100_000);
    for (let round = 0; round < 10; round++) await echo(plugin).print(text);
    await until(() => bytes === 10 * (text.length + "out ".length));
  });

  it("panics, which its host tells in every error", async () => {
    await using sandbox = new Sandbox();
    const plugin = await sandbox.launch({ command: peers.plugin });
    await assert.rejects(echo(plugin).crash("panic"), (error: ServiceError) => {
      const known = fromStatus(error);
      return known.code === "PLUGIN_EXITED" && /exited with code 2/.test(known.message);
    });
    const exit = await plugin.exited;
    assert.equal(exit.code, 2);
    assert.match(exit.stderrTail, /panic: on purpose/);
    assert.ok(sandbox.logs.some(({ level, message }) => level === "error" && message === "panic: on purpose"));
    assert.ok(sandbox.logs.some(({ level, message }) => level === "error" && message.startsWith("goroutine ")));
  });

  it("exits when it is called by a host with another cookie", async () => {
    await using sandbox = new Sandbox();
    const launched = sandbox.launch({ command: peers.plugin, magicCookie: { key: "OTHER", value: "cookie" } });
    await assert.rejects(launched, (error) => {
      return isHostError(error) && error.code === "HANDSHAKE_MISSING" && /exited with code 1/.test(error.message);
    });
  });

  it("answers its lowest version when none is in common", async () => {
    await using sandbox = new Sandbox();
    await assert.rejects(sandbox.launch({ command: peers.plugin, appVersions: [9] }), (error) => {
      return (
        isHostError(error) && error.code === "APP_VERSION_MISMATCH" && /version 1, this host \[9\]/.test(error.message)
      );
    });
  });

  for (const [offered, agreed] of [
    [[1], 1],
    [[2], 2],
    [[2, 3], 2],
    [[0, 1, 7], 1],
  ] as const) {
    it(`is asked for ${offered.join(" or ")} and agrees on ${agreed}`, async () => {
      await using sandbox = new Sandbox();
      await using plugin = await sandbox.launch({ command: peers.plugin, appVersions: offered });
      assert.equal(plugin.appVersion, agreed);
      assert.equal(await echo(plugin).say("hello"), `go v${agreed}: hello`);
    });
  }

  it("starts by its checksum, and no other file does", async () => {
    await using sandbox = new Sandbox();
    const hex = createHash("sha256").update(readFileSync(peers.plugin)).digest("hex");
    await using plugin = await sandbox.launch({ command: peers.plugin, checksum: { algorithm: "sha256", hex } });
    assert.equal(await echo(plugin).say("hello"), "go v2: hello");
    const other = sandbox.launch({ command: peers.oldPlugin, checksum: { algorithm: "sha256", hex } });
    await assert.rejects(other, { code: "PLUGIN_CHECKSUM_MISMATCH" });
  });

  it("is let go, and taken over but for its broker, which go-plugin ends with its first host", async () => {
    await using sandbox = new Sandbox();
    const first = await sandbox.launch({ command: peers.plugin, survivesHost: true });
    const info = first.reattachInfo();
    await first.detach();
    const second = await reattachPlugin({ info, appVersions: [2], runtimeDir: sandbox.runtimeDir });
    await second.ping();
    assert.equal(await echo(second).say("hello"), "go v2: hello");
    const offered = await echo(second).offer();
    await assert.rejects(second.broker.dial(offered, { timeoutMs: 50 }), { code: "BROKER_TIMEOUT" });
    const exit = await second.stop();
    assert.deepEqual(
      exit.steps.map(({ step }) => step),
      ["shutdown"],
    );
    assert.deepEqual(readdirSync(sandbox.runtimeDir), []);
  });

  it("in test mode is reached, left alone, and noticed when it ends", async () => {
    await using sandbox = new Sandbox();
    const child = spawn(peers.plugin, [], {
      env: { TMPDIR: sandbox.directory, ECHO_TEST_MODE: "1" },
      stdio: ["pipe", "pipe", "ignore"],
    });
    const [line] = await once(createInterface(child.stdout), "line");
    const { network, address, pid, version, test } = JSON.parse(line);
    assert.deepEqual([network, pid, version, test], ["unix", child.pid, 1, true]);
    const info = { address: { network, path: address }, appVersion: version, pid, isTest: test };
    const plugin = await reattachPlugin({ info, appVersions: [1], runtimeDir: sandbox.runtimeDir });
    assert.equal(await echo(plugin).say("hello"), "go v1: hello");
    assert.match((await plugin.stop()).reason, /test mode/);
    const again = await reattachPlugin({ info, appVersions: [1], runtimeDir: sandbox.runtimeDir });
    await again.ping();
    child.stdin.end();
    assert.deepEqual(await once(child, "exit"), [0, null]);
    await assert.rejects(again.ping(), { code: "PLUGIN_EXITED" });
    await again.exited;
  });

  it("leaves no socket anywhere when it is killed", async () => {
    await using sandbox = new Sandbox();
    const elsewhere = join(sandbox.directory, "tmp");
    mkdirSync(elsewhere);
    const plugin = await sandbox.launch({ command: peers.plugin, env: { TMPDIR: elsewhere } });
    await echo(plugin).offer();
    const [directory = ""] = readdirSync(sandbox.runtimeDir);
    assert.equal(readdirSync(join(sandbox.runtimeDir, directory)).length, 2);
    await plugin.kill();
    assert.deepEqual(readdirSync(sandbox.runtimeDir), []);
    assert.deepEqual(readdirSync(elsewhere), []);
  });
});
