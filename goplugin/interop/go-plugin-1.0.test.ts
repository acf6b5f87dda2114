import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import type { PluginProcess } from "../client/index.ts";
import { addEchoService, echoCalls, EchoClient, type Echo } from "../fixtures/echo-service.ts";
import { Sandbox } from "../fixtures/sandbox.ts";
import { buildGoPeers, skipWithoutGo, type GoPeers } from "./go-peers.ts";

const buildMs = 300_000;

function echo(plugin: PluginProcess): Echo {
  return echoCalls(plugin.client(EchoClient));
}

describe("A plugin made with go-plugin 1.0.1", { skip: skipWithoutGo(), timeout: buildMs }, () => {
  let peers: GoPeers;
  before(async () => {
    peers = await buildGoPeers();
  });

  it("works with our host in both directions, without a stdio service", async () => {
    await using sandbox = new Sandbox();
    await using plugin = await sandbox.launch({ command: peers.oldPlugin });
    assert.equal(plugin.appVersion, 1);
    await plugin.ping();
    assert.equal(await echo(plugin).say("hello"), "go 1.0: hello");
    const id = plugin.broker.nextId();
    await using _served = await plugin.broker.serve(id, (server) => {
      addEchoService(server, { say: async (text) => `host: ${text}` });
    });
    assert.equal(await echo(plugin).callBack(id), "host: called back");
    const exit = await plugin.stop();
    assert.deepEqual(
      exit.steps.map(({ step }) => step),
      ["shutdown"],
    );
  });

  it("works over mutual TLS, but cannot call back: it knows its host by the wrong name", async () => {
    await using sandbox = new Sandbox();
    await using plugin = await sandbox.launch({ command: peers.oldPlugin, autoMtls: true });
    assert.equal(await echo(plugin).say("hello"), "go 1.0: hello");
    const id = plugin.broker.nextId();
    await using _served = await plugin.broker.serve(id, (server) => {
      addEchoService(server, { say: async (text) => `host: ${text}` });
    });
    await assert.rejects(echo(plugin).callBack(id));
  });

  it("has its socket removed when it is killed, though it lies elsewhere", async () => {
    await using sandbox = new Sandbox();
    const elsewhere = join(sandbox.directory, "tmp");
    mkdirSync(elsewhere);
    const plugin = await sandbox.launch({ command: peers.oldPlugin, env: { TMPDIR: elsewhere } });
    assert.equal(readdirSync(elsewhere).length, 1);
    await plugin.kill();
    assert.deepEqual(readdirSync(elsewhere), []);
  });
});
