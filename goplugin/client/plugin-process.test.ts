import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { status, type ServiceError } from "@grpc/grpc-js";
import { HealthClient } from "@executor-host/proto/health";
import { isHostError, type ErrorCode } from "@executor-host/proto/shared/error";
import { fromStatus } from "@executor-host/proto/shared/status";
import { addEchoService, echoCalls, EchoClient, echoOn, type Echo } from "../fixtures/echo-service.ts";
import { createIdentity } from "../tls/identity.ts";
import { fixture, nodeFixture, Sandbox, until } from "../fixtures/sandbox.ts";
import type { PluginProcess } from "./plugin-process.ts";
import { waitForGroupEnd } from "./process-group.ts";

const limit = { timeout: 120_000 };
const echoPlugin = nodeFixture("echo-plugin.ts");

function echo(plugin: PluginProcess): Echo {
  return echoCalls(plugin.client(EchoClient));
}

function fails(code: ErrorCode, message = /^/): (error: unknown) => boolean {
  return (error) => isHostError(error) && error.code === code && message.test(error.message);
}

/** A gRPC error that carries one of ours. */
function failsOverGrpc(code: ErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => fails(code, message)(fromStatus(error as ServiceError));
}

const links = [
  { kind: "plaintext", autoMtls: false },
  { kind: "mutual TLS on P-521", autoMtls: { curve: "P-521" } },
  { kind: "mutual TLS on P-256", autoMtls: true },
  { kind: "one connection with mutual TLS", autoMtls: true, multiplex: true },
] as const;
for (const { kind, ...options } of links) {
  it(`A plugin and its host reach each other in every direction over ${kind}`, limit, async () => {
    await using sandbox = new Sandbox();
    await using plugin = await sandbox.launch({ ...echoPlugin, ...options });
    assert.equal(plugin.appVersion, 2);
    assert.equal(plugin.pid, sandbox.pids[0]);
    assert.equal(plugin.hasExited, false);
    await plugin.ping();
    await plugin.ping();
    assert.equal(await echo(plugin).say("hello"), "ts v2: hello");

    for (let round = 1; round <= 2; round++) {
      const id = plugin.broker.nextId();
      assert.equal(id, round);
      await using _served = await plugin.broker.serve(id, (server) => {
        addEchoService(server, { say: async (text) => `host: ${text}` });
      });
      assert.equal(await echo(plugin).callBack(id), "host: called back");

      const offered = await echo(plugin).offer();
      assert.equal(offered, round);
      const channel = await plugin.broker.dial(offered);
      assert.equal(await echoOn(channel).say("hello"), "ts v2 brokered: hello");
      channel.close();
    }

    await echo(plugin).print("text");
    await until(() => sandbox.stdio.stdout === "out text" && sandbox.stdio.stderr === "err text");
    await echo(plugin).log("noted");
    await until(() => sandbox.logs.length > 0);
    const [entry] = sandbox.logs;
    assert.equal(entry?.level, "warn");
    assert.equal(entry.message, "noted");
    assert.equal(entry.logger, "echo");
    assert.deepEqual(entry.fields, { count: 7, nested: "value" });
    assert.equal((await echo(plugin).repeat(5 * 1024 * 1024)).length, 5 * 1024 * 1024);
    assert.equal((await echo(plugin).say("x".repeat(5 * 1024 * 1024))).length, 5 * 1024 * 1024 + "ts v2: ".length);
  });
}

describe("TLS of their own", limit, () => {
  const [ours, theirs] = [createIdentity("P-256"), createIdentity("P-256")];
  const plugin = nodeFixture(
    "echo-plugin.ts",
    JSON.stringify({ tls: { identity: theirs, peerCertificatePem: ours.certificatePem } }),
  );

  it("lets a plugin and its host reach each other, callbacks included", async () => {
    await using sandbox = new Sandbox();
    const tls = { identity: ours, peerCertificatePem: theirs.certificatePem };
    await using launched = await sandbox.launch({ ...plugin, tls });
    const id = launched.broker.nextId();
    await using _served = await launched.broker.serve(id, (server) => {
      addEchoService(server, { say: async (text) => `host: ${text}` });
    });
    assert.equal(await echo(launched).callBack(id), "host: called back");
  });

  it("keeps out a host that has none, or another", async () => {
    await using sandbox = new Sandbox();
    await assert.rejects(sandbox.launch(plugin), fails("CONNECT_FAILED"));
    const tls = { identity: createIdentity("P-256"), peerCertificatePem: theirs.certificatePem };
    await assert.rejects(sandbox.launch({ ...plugin, tls, connectTimeoutMs: 500 }), fails("CONNECT_FAILED"));
  });
});

describe("A plugin process", limit, () => {
  it("answers the version that the host offers", async () => {
    await using sandbox = new Sandbox();
    await using plugin = await sandbox.launch({ ...echoPlugin, appVersions: [1, 7] });
    assert.equal(plugin.appVersion, 1);
    assert.equal(await echo(plugin).say("x"), "ts v1: x");
  });

  it("does not see the protocol's variables in its environment", async () => {
    await using sandbox = new Sandbox();
    await using plugin = await sandbox.launch({ ...echoPlugin, env: { PATH: process.env["PATH"] ?? "", OWN: "kept" } });
    for (const name of ["PLUGIN_UNIX_SOCKET_DIR", "PLUGIN_PROTOCOL_VERSIONS", "EXECUTOR_HOST_LIFELINE"]) {
      assert.equal(await echo(plugin).say(`$${name}`), "unset");
    }
    assert.equal(await echo(plugin).say("$ECHO_PLUGIN_MAGIC_COOKIE"), "unset");
    assert.equal(await echo(plugin).say("$OWN"), "kept");
  });

  it("may write endless lines and nonsense to its descriptors", async () => {
    await using sandbox = new Sandbox();
    await using plugin = await sandbox.launch(nodeFixture("noisy-plugin.ts"));
    for (const text of ["one", "two"]) assert.equal(await echo(plugin).say(text), text);
    const messages = (source: string): string[] =>
      sandbox.logs.filter((entry) => entry.source === source).map(({ message }) => message);
    await until(() => messages("stdout").includes("after two") && messages("stderr").includes("tagged"));
    const endless = messages("stdout").filter((message) => message.startsWith("x"));
    assert.equal(endless.join("").length, 400_000);
    assert.ok(messages("stderr").includes("5"), "a message that is no text");
    assert.ok(messages("stderr").includes('{"@level":'), "broken JSON");
  });

  it("without health, broker and stdio services works all the same", async () => {
    await using sandbox = new Sandbox();
    await using plugin = await sandbox.launch(nodeFixture("stubborn-plugin.ts", "lacks"));
    assert.equal(await echo(plugin).say("x"), "x");
    await assert.rejects(plugin.ping(), fails("NOT_SUPPORTED"));
    await assert.rejects(
      plugin.broker.serve(1, () => undefined),
      fails("BROKER_CLOSED"),
    );
  });

  it("gives a call its plugin's own error, even one that looks like a broken connection", async () => {
    await using sandbox = new Sandbox();
    await using plugin = await sandbox.launch(nodeFixture("stubborn-plugin.ts", "lacks"));
    await assert.rejects(echo(plugin).log("x"), (error: ServiceError) => {
      return error.code === status.UNAVAILABLE && error.details === "the target is down";
    });
    assert.equal(await echo(plugin).say("x"), "x");
  });

  it("gives a call back its own error, and a caller's cancellation at once", async () => {
    await using sandbox = new Sandbox();
    await using plugin = await sandbox.launch(nodeFixture("stubborn-plugin.ts", "lacks"));
    await assert.rejects(echo(plugin).offer(), (error: ServiceError) => error.code === status.UNIMPLEMENTED);
    const aborter = new AbortController();
    const ping = plugin.ping({ signal: aborter.signal });
    aborter.abort(new Error("enough"));
    await assert.rejects(ping, /enough/);
  });
});

describe("stop()", limit, () => {
  it("lets the plugin end in order", async () => {
    await using sandbox = new Sandbox();
    const farewell = join(sandbox.directory, "farewell");
    const plugin = await sandbox.launch({
      ...echoPlugin,
      env: { PATH: process.env["PATH"] ?? "", ECHO_FAREWELL_FILE: farewell },
    });
    assert.equal(readdirSync(sandbox.runtimeDir).length, 1);
    const exit = await plugin.stop({ reason: "idle" });
    const { code, signal, expected, reason, survivors } = exit;
    assert.deepEqual(
      { code, signal, expected, reason, survivors },
      { code: 0, signal: null, expected: true, reason: "idle", survivors: [] },
    );
    assert.deepEqual(
      exit.steps.map(({ step }) => step),
      ["shutdown"],
    );
    assert.equal(readFileSync(farewell, "utf8"), "bye");
    assert.equal(plugin.hasExited, true);
    assert.deepEqual(readdirSync(sandbox.runtimeDir), []);
    assert.deepEqual(await plugin.exited, exit);
  });

  it("can be called again and again, and joins what is in flight", async () => {
    await using sandbox = new Sandbox();
    const plugin = await sandbox.launch(echoPlugin);
    const [first, second] = await Promise.all([plugin.stop({ reason: "first" }), plugin.stop({ reason: "second" })]);
    assert.equal(first, second);
    assert.equal(first.reason, "first");
    await plugin[Symbol.asyncDispose]();
    assert.equal(await plugin.kill(), await plugin.exited);
    assert.equal((await plugin.exited).reason, "first");
  });

  const rows: Record<string, { fault: string; graceMs: number; terminateMs: number; steps: string[]; signal: string }> =
    {
      "sends SIGTERM to a plugin that never answers": {
        fault: "hangs",
        graceMs: 50,
        terminateMs: 20_000,
        steps: ["shutdown", "SIGTERM"],
        signal: "SIGTERM",
      },
      "sends SIGTERM to a plugin that answers and stays": {
        fault: "ignores",
        graceMs: 50,
        terminateMs: 20_000,
        steps: ["shutdown", "SIGTERM"],
        signal: "SIGTERM",
      },
      "does not wait for a plugin that cannot be asked": {
        fault: "lacks",
        graceMs: 3_600_000,
        terminateMs: 20_000,
        steps: ["shutdown", "SIGTERM"],
        signal: "SIGTERM",
      },
      "sends SIGKILL to a plugin that ignores SIGTERM": {
        fault: "hangs-term",
        graceMs: 50,
        terminateMs: 50,
        steps: ["shutdown", "SIGTERM", "SIGKILL"],
        signal: "SIGKILL",
      },
    };
  for (const [name, { fault, steps, signal, ...options }] of Object.entries(rows)) {
    it(name, async () => {
      await using sandbox = new Sandbox();
      const plugin = await sandbox.launch(nodeFixture("stubborn-plugin.ts", fault));
      const exit = await plugin.stop(options);
      assert.deepEqual(
        exit.steps.map(({ step }) => step),
        steps,
      );
      assert.equal(exit.signal, signal);
      assert.equal(exit.expected, true);
    });
  }

  it("ends a plugin behind a wrapper that does not exec", async () => {
    await using sandbox = new Sandbox();
    const args = [process.execPath, fixture("stubborn-plugin.ts"), "lacks"];
    const plugin = await sandbox.launch({ command: fixture("wraps-without-exec.sh"), args });
    assert.equal(await echo(plugin).say("x"), "x");
    await plugin.stop();
    assert.deepEqual(await waitForGroupEnd(plugin.pid, 0), []);
  });
});

describe("kill()", limit, () => {
  it("ends the whole group at once, a wrapper's child included", async () => {
    await using sandbox = new Sandbox();
    const args = [process.execPath, fixture("stubborn-plugin.ts"), "hangs-term"];
    const plugin = await sandbox.launch({ command: fixture("wraps-without-exec.sh"), args });
    const exit = await plugin.kill({ reason: "runaway" });
    assert.equal(exit.signal, "SIGKILL");
    assert.equal(exit.reason, "runaway");
    assert.deepEqual(
      exit.steps.map(({ step }) => step),
      ["SIGKILL"],
    );
    assert.deepEqual(await waitForGroupEnd(plugin.pid, 0), []);
  });

  it("cuts a stop() short", async () => {
    await using sandbox = new Sandbox();
    const plugin = await sandbox.launch(nodeFixture("stubborn-plugin.ts", "hangs"));
    const stopping = plugin.stop({ graceMs: 3_600_000, reason: "stop" });
    const killed = await plugin.kill();
    assert.equal(await stopping, killed);
    assert.equal(killed.signal, "SIGKILL");
    assert.equal(killed.reason, "stop");
  });
});

describe("killSync()", limit, () => {
  it("leaves neither process nor sockets, as an exit hook must", async () => {
    await using sandbox = new Sandbox();
    const plugin = await sandbox.launch(echoPlugin);
    plugin.killSync();
    assert.deepEqual(readdirSync(sandbox.runtimeDir), []);
    assert.equal((await plugin.exited).signal, "SIGKILL");
  });
});

describe("The end of a plugin process that nobody asked for", limit, () => {
  it("fails the call in flight with its exit and last words", async () => {
    await using sandbox = new Sandbox();
    const plugin = await sandbox.launch(echoPlugin);
    await assert.rejects(
      echo(plugin).crash("panic"),
      failsOverGrpc("PLUGIN_EXITED", /exited with code 1; stderr ended with:\n[^]*Error: on purpose/),
    );
    const exit = await plugin.exited;
    assert.equal(exit.code, 1);
    assert.equal(exit.expected, false);
    assert.equal(exit.reason, "");
    assert.deepEqual(exit.steps, []);
    assert.match(exit.stderrTail, /on purpose/);
    assert.deepEqual(readdirSync(sandbox.runtimeDir), []);
  });

  it("fails everything that comes later", async () => {
    await using sandbox = new Sandbox();
    const plugin = await sandbox.launch(echoPlugin);
    const calls = echo(plugin);
    const dialled = plugin.broker.dial(1);
    const refused = assert.rejects(dialled, fails("BROKER_CLOSED"));
    await assert.rejects(calls.crash("seven.."), failsOverGrpc("PLUGIN_EXITED", /exited with code 7/));
    await refused;
    await plugin.exited;
    await assert.rejects(calls.say("x"), failsOverGrpc("PLUGIN_EXITED", /exited with code 7/));
    await assert.rejects(plugin.ping(), fails("PLUGIN_EXITED", /exited with code 7/));
    await assert.rejects(plugin.broker.dial(1), fails("BROKER_CLOSED"));
    const watch = plugin.client(HealthClient).watch({ service: "" });
    const [error] = await once(watch, "error");
    assert.equal(fromStatus(error).code, "PLUGIN_EXITED");
  });

  it("names the signal", async () => {
    await using sandbox = new Sandbox();
    const plugin = await sandbox.launch(echoPlugin);
    const watch = plugin.client(HealthClient).watch({ service: "" });
    await once(watch, "data");
    process.kill(plugin.pid, "SIGKILL");
    const [error] = await once(watch, "error");
    assert.match(error.details, /plugin process was ended by SIGKILL/);
    assert.equal((await plugin.exited).signal, "SIGKILL");
  });

  it("is noticed though a process in another session holds the pipes", async () => {
    await using sandbox = new Sandbox();
    const file = join(sandbox.directory, "holder");
    const args = [file, process.execPath, fixture("echo-plugin.ts")];
    const plugin = await sandbox.launch({ command: fixture("leaves-a-pipe-holder.sh"), args });
    const holder = Number(readFileSync(file, "utf8"));
    process.kill(plugin.pid, "SIGKILL");
    assert.equal((await plugin.exited).signal, "SIGKILL");
    assert.doesNotThrow(() => process.kill(holder, 0), "the holder still holds the pipes");
    process.kill(holder, "SIGKILL");
  });
});

describe("The end of the host by SIGKILL", limit, () => {
  /** Start a host in a process of its own, and kill it. @returns the pid of its plugin */
  async function killHostOf(sandbox: Sandbox, wrapper: string, command: string, ...args: string[]): Promise<number> {
    const host = spawn(process.execPath, [fixture("host.ts"), sandbox.runtimeDir, wrapper, command, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(createInterface(host.stdout), "line");
    host.kill("SIGKILL");
    await once(host, "exit");
    return Number(line);
  }

  it("ends a plugin of ours, through the lifeline, which takes its socket along", async () => {
    await using sandbox = new Sandbox();
    const pid = await killHostOf(sandbox, "", process.execPath, fixture("echo-plugin.ts"));
    await until(() => !isRunning(pid));
    const [directory = ""] = readdirSync(sandbox.runtimeDir);
    assert.deepEqual(readdirSync(join(sandbox.runtimeDir, directory)), []);
    // The directory itself is for the next host to sweep.
    assert.ok(directory.startsWith("p-"));
    sandbox.removeRuntimeDir();
  });

  const setpriv = "/usr/bin/setpriv";
  it(
    "ends any plugin behind a wrapper that asks for the parent's death signal",
    { skip: !existsSync(setpriv) && "skipped: no setpriv" },
    async () => {
      await using sandbox = new Sandbox();
      const wrapper = `${setpriv} --pdeathsig KILL --`;
      const pid = await killHostOf(sandbox, wrapper, process.execPath, fixture("stubborn-plugin.ts"), "hangs-term");
      await until(() => !isRunning(pid));
      sandbox.removeRuntimeDir();
    },
  );
});

/** Zombies do not run. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== "linux" || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    // It is gone.
    return false;
  }
}
