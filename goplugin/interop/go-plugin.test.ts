import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import type { ServiceError } from "@grpc/grpc-js";
import { isHostError } from "@executor-host/proto/shared/error";
import { fromStatus } from "@executor-host/proto/shared/status";
import type { PluginProcess } from "../client/index.ts";
import { addEchoService, echoCalls, EchoClient, echoOn, type Echo } from "../fixtures/echo-service.ts";
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
    { kind: "mutual TLS on P-521", autoMtls: true },
    { kind: "mutual TLS on P-256", autoMtls: { curve: "P-256" } },
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
