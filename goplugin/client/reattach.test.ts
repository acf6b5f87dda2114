import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import type { ServiceError } from "@grpc/grpc-js";
import { isHostError, type ErrorCode } from "@executor-host/proto/shared/error";
import { fromStatus } from "@executor-host/proto/shared/status";
import { addEchoService, echoCalls, EchoClient, echoOn, type Echo } from "../fixtures/echo-service.ts";
import { fixture, nodeFixture, Sandbox } from "../fixtures/sandbox.ts";
import { identifyProcess } from "../protocol/process-identity.ts";
import type { ReattachInfo } from "../protocol/reattach-info.ts";
import type { PluginProcess } from "./plugin-process.ts";
import { reattachPlugin } from "./reattach.ts";

const limit = { timeout: 120_000, skip: identifyProcess(process.pid) === undefined && "skipped: no /proc" };
const echoPlugin = nodeFixture("echo-plugin.ts");

function echo(plugin: PluginProcess): Echo {
  return echoCalls(plugin.client(EchoClient));
}

function fails(code: ErrorCode, message = /^/): (error: unknown) => boolean {
  return (error) => isHostError(error) && error.code === code && message.test(error.message);
}

function reattach(sandbox: Sandbox, info: ReattachInfo): Promise<PluginProcess> {
  return reattachPlugin({
    // As from a file.
    info: JSON.parse(JSON.stringify(info)),
    appVersions: [1, 2],
    runtimeDir: sandbox.runtimeDir,
    onStdio: (channel, data) => (sandbox.stdio[channel] += data.toString()),
  });
}

/** Everything that a link is for. */
async function tryEverything(plugin: PluginProcess): Promise<void> {
  await plugin.ping();
  assert.equal(await echo(plugin).say("hello"), "ts v2: hello");
  const id = plugin.broker.nextId();
  await using _served = await plugin.broker.serve(id, (server) => {
    addEchoService(server, { say: async (text) => `host: ${text}` });
  });
  assert.equal(await echo(plugin).callBack(id), "host: called back");
  const channel = await plugin.broker.dial(await echo(plugin).offer());
  assert.equal(await echoOn(channel).say("hello"), "ts v2 brokered: hello");
  channel.close();
}

describe("A second host", limit, () => {
  const links = [
    { kind: "plaintext", autoMtls: false, plugin: echoPlugin },
    { kind: "mutual TLS", autoMtls: true, plugin: echoPlugin },
    { kind: "tcp", autoMtls: false, plugin: nodeFixture("echo-plugin.ts", '{"network":"tcp"}') },
    { kind: "tcp with mutual TLS", autoMtls: true, plugin: nodeFixture("echo-plugin.ts", '{"network":"tcp"}') },
  ] as const;
  for (const { kind, autoMtls, plugin } of links) {
    it(`takes a plugin over from the first, and ends it, over ${kind}`, async () => {
      await using sandbox = new Sandbox();
      const first = await sandbox.launch({ ...plugin, autoMtls, survivesHost: true });
      await tryEverything(first);
      const info = first.reattachInfo();
      await first.detach();
      assert.equal(first.hasExited, true);
      assert.equal((await first.exited).reason, "let go");

      const second = await reattach(sandbox, info);
      assert.equal(second.pid, first.pid);
      assert.equal(second.appVersion, 2);
      assert.ok(Math.abs(second.startedAt.getTime() - first.startedAt.getTime()) < 5_000);
      assert.deepEqual(second.reattachInfo(), info);
      await tryEverything(second);
      const exit = await second.stop();
      assert.deepEqual(
        exit.steps.map(({ step }) => step),
        ["shutdown"],
      );
      assert.deepEqual([exit.code, exit.signal, exit.expected, exit.survivors], [null, null, true, []]);
      assert.deepEqual(readdirSync(sandbox.runtimeDir), []);
    });
  }

  it("finds a plugin whose host was killed, and takes it over", async () => {
    await using sandbox = new Sandbox();
    const host = spawn(
      process.execPath,
      [fixture("host.ts"), sandbox.runtimeDir, "", process.execPath, fixture("echo-plugin.ts")],
      {
        env: { ...process.env, HOST_SURVIVED: "1" },
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const lines = createInterface(host.stdout)[Symbol.asyncIterator]();
    sandbox.pids.push(Number((await lines.next()).value));
    const info: ReattachInfo = JSON.parse(String((await lines.next()).value));
    host.kill("SIGKILL");
    await once(host, "exit");
    const plugin = await reattach(sandbox, info);
    await echo(plugin).log("into a pipe that is broken");
    await echo(plugin).print("to whoever reads");
    await tryEverything(plugin);
    const exit = await plugin.kill();
    assert.deepEqual(
      exit.steps.map(({ step }) => step),
      ["SIGKILL"],
    );
    assert.equal(existsSync(`/proc/${plugin.pid}/exe`), false);
  });

  it("ends a plugin that does not want to, step by step", async () => {
    await using sandbox = new Sandbox();
    const first = await sandbox.launch({ ...nodeFixture("stubborn-plugin.ts", "hangs-term"), survivesHost: true });
    const info = first.reattachInfo();
    await first.detach();
    const second = await reattach(sandbox, info);
    const exit = await second.stop({ graceMs: 50, terminateMs: 50 });
    assert.deepEqual(
      exit.steps.map(({ step }) => step),
      ["shutdown", "SIGTERM", "SIGKILL"],
    );
  });

  it("notices that the plugin has ended, and fails the call in flight", async () => {
    await using sandbox = new Sandbox();
    const first = await sandbox.launch({ ...echoPlugin, survivesHost: true });
    const info = first.reattachInfo();
    const second = await reattach(sandbox, info);
    await assert.rejects(echo(second).crash("five!"), (error: ServiceError) =>
      fails("PLUGIN_EXITED", /plugin process has ended/)(fromStatus(error)),
    );
    assert.equal((await second.exited).expected, false);
    assert.equal((await first.exited).code, 5);
    await assert.rejects(reattach(sandbox, info), fails("PLUGIN_GONE", /there is no process/));
  });

  it("leaves a plugin alone that it lets go itself", async () => {
    await using sandbox = new Sandbox();
    await using first = await sandbox.launch({ ...echoPlugin, survivesHost: true });
    const second = await reattach(sandbox, first.reattachInfo());
    await second.detach();
    await second.detach();
    assert.equal(await echo(first).say("still here"), "ts v2: still here");
  });
});

describe("Reattaching", limit, () => {
  it("refuses a pid that was given away again, a machine started anew, and another version", async () => {
    await using sandbox = new Sandbox();
    await using plugin = await sandbox.launch(echoPlugin);
    const { identity, ...info } = plugin.reattachInfo();
    assert.ok(identity);
    const { startTicks, bootId } = identity;
    const recycled = { ...info, identity: { bootId, startTicks: startTicks - 1 } };
    await assert.rejects(reattach(sandbox, recycled), fails("PLUGIN_GONE", /is another one by now/));
    const rebooted = { ...info, identity: { startTicks, bootId: bootId.replaceAll(/[1-9a-f]/g, "0") } };
    await assert.rejects(reattach(sandbox, rebooted), fails("PLUGIN_GONE", /started anew/));
    await assert.rejects(
      reattach(sandbox, { ...info, identity, appVersion: 9 }),
      fails("APP_VERSION_MISMATCH", /\[1, 2\]/),
    );
    assert.equal(await echo(plugin).say("unharmed"), "ts v2: unharmed");
  });

  it("fails when nobody serves the address, and harms nobody", async () => {
    await using sandbox = new Sandbox();
    await using plugin = await sandbox.launch(echoPlugin);
    const address = { network: "unix", path: `${sandbox.directory}/nobody` } as const;
    const attempt = reattachPlugin({
      info: { ...plugin.reattachInfo(), address },
      appVersions: [2],
      runtimeDir: sandbox.runtimeDir,
      connectTimeoutMs: 200,
    });
    await assert.rejects(attempt, fails("CONNECT_FAILED"));
    assert.equal(await echo(plugin).say("unharmed"), "ts v2: unharmed");
  });

  it("by a pid alone asks the plugin to end, but sends it no signal", async () => {
    await using sandbox = new Sandbox();
    const deaf = await sandbox.launch({ ...nodeFixture("stubborn-plugin.ts", "ignores"), survivesHost: true });
    const { identity: _, ...unproven } = deaf.reattachInfo();
    const toDeaf = await reattach(sandbox, unproven);
    await assert.rejects(toDeaf.kill(), fails("NOT_SUPPORTED", /is not sent SIGKILL/));
    await assert.rejects(toDeaf.stop({ graceMs: 50 }), fails("NOT_SUPPORTED", /is not sent SIGTERM/));
    await toDeaf.detach();
    await deaf.kill();

    const polite = await sandbox.launch({ ...echoPlugin, survivesHost: true });
    const { identity: __, ...info } = polite.reattachInfo();
    await (await reattach(sandbox, info)).stop();
    assert.equal((await polite.exited).code, 0);
  });

  it("is not for a multiplexed plugin", async () => {
    await using sandbox = new Sandbox();
    await using plugin = await sandbox.launch({ ...echoPlugin, multiplex: true });
    assert.throws(() => plugin.reattachInfo(), fails("NOT_SUPPORTED"));
  });

  it("names the field that makes no sense, and shows no key", async () => {
    await using sandbox = new Sandbox();
    const good: ReattachInfo = { address: { network: "unix", path: "/s" }, appVersion: 1, pid: 1 };
    const bad = {
      pid: { ...good, pid: 0 },
      appVersion: { ...good, appVersion: -1 },
      address: { ...good, address: { network: "tcp", host: "x", port: 70_000 } },
      identity: { ...good, identity: { startTicks: 1.5, bootId: "x" } },
      socketDirectory: { ...good, socketDirectory: "relative" },
      tls: { ...good, tls: { identity: { privateKeyPem: "secret", certificatePem: "x" }, peerCertificatePem: "x" } },
    };
    for (const [field, info] of Object.entries(bad)) {
      const named = fails("PLUGIN_OPTIONS_INVALID", new RegExp(`^reattach info, ${field}: (?!.*secret)`));
      await assert.rejects(reattach(sandbox, info as ReattachInfo), named);
    }
  });
});

describe("A plugin in test mode", limit, () => {
  it("is found by what it prints, is never ended by a host, and ends by itself", async () => {
    await using sandbox = new Sandbox();
    const { command, args = [] } = nodeFixture("echo-plugin.ts", '{"test":true}');
    const child = spawn(command, args, {
      env: { ...process.env, PLUGIN_UNIX_SOCKET_DIR: sandbox.directory, PLUGIN_CLIENT_CERT: "not of interest" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    sandbox.pids.push(child.pid ?? 0);
    const [line] = await once(createInterface(child.stdout), "line");
    const info: ReattachInfo = JSON.parse(line);
    assert.deepEqual([info.pid, info.appVersion, info.isTest], [child.pid, 2, true]);
    for (const end of ["stop", "kill"] as const) {
      const plugin = await reattach(sandbox, info);
      await tryEverything(plugin);
      assert.match((await plugin[end]()).reason, /test mode/);
      plugin.killSync();
    }
    const plugin = await reattach(sandbox, info);
    await plugin.ping();
    child.stdin.end();
    assert.deepEqual(await once(child, "exit"), [0, null]);
    await assert.rejects(plugin.ping(), fails("PLUGIN_EXITED"));
    await plugin.exited;
  });
});
