import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { describe, test } from "node:test";
import { collect } from "../support/collect.ts";
import { guard } from "../support/guard.ts";
import { HostProcess } from "../support/host-process.ts";
import { TestHost } from "../support/test-host.ts";

describe("a state directory", guard, () => {
  test("belongs to one host: another one is refused and disturbs nothing", guard, async () => {
    await using first = await HostProcess.start({ executors: ["noop"] });
    await collect(first.client.execute({ id: "before", executor: "noop" }));
    await using second = await TestHost.prepare({
      settings: { stateDir: first.stateDir, runtimeDir: first.runtimeDir },
    });
    await assert.rejects(second.start(), {
      code: "STATE_LOCKED",
      message: `cannot use the journal ${first.stateDir}/journal.sqlite: another host is using it`,
      hint: "stop the other host, or give this one its own state-dir",
    });
    assert.equal((await collect(first.client.execute({ executor: "noop" }))).result.outcome, "SUCCEEDED");
    assert.equal((await first.client.get("before")).state, "FINISHED");
    await first.signal("SIGTERM");
    await second.start();
    assert.equal((await second.client.get("before")).state, "FINISHED", "the next one takes it over");
  });

  test("that cannot be made is told as such, like one for sockets", guard, async () => {
    for (const [setting, settings] of [
      ["state-dir", { stateDir: "/dev/null/state" }],
      ["runtime-dir", { runtimeDir: "/dev/null/run" }],
      // Here Node's own way of making directories never ends.
      ["state-dir", { stateDir: "/proc/none/state" }],
    ] as const) {
      await using host = await TestHost.prepare({ settings });
      await assert.rejects(host.start(), {
        code: "SETTINGS_INVALID",
        message: new RegExp(`^cannot create ${setting} ${Object.values(settings)[0]}: (ENOTDIR|ENOENT)`),
        hint: `create it for this user, or choose another directory with --${setting}`,
      });
    }
  });

  test("is nobody else's business", guard, async () => {
    await using host = await TestHost.start({ executors: ["flood"] });
    await collect(host.client.execute({ executor: "flood", config: { size: "100K" } }));
    for (const path of ["", "/output"]) {
      assert.equal(statSync(host.settings.stateDir + path).mode & 0o777, 0o700, path);
    }
    assert.equal(statSync(`${host.settings.runtimeDir}/host.sock`).mode & 0o777, 0o600);
    assert.equal(statSync(host.settings.runtimeDir).mode & 0o777, 0o700);
  });
});

describe("a socket", guard, () => {
  test("that a killed host has left is replaced", guard, async () => {
    await using host = await HostProcess.start({ executors: ["noop"] });
    await host.kill();
    assert(existsSync(`${host.runtimeDir}/host.sock`), "it was left");
    await host.start();
    assert.equal((await collect(host.client.execute({ executor: "noop" }))).result.outcome, "SUCCEEDED");
  });

  test("that somebody serves is not taken away, and nothing is left of the attempt", guard, async () => {
    await using first = await TestHost.start({ executors: ["noop"] });
    const address = first.host.addresses[0] ?? "";
    const path = address.replace(/^unix:/, "");
    await using second = await TestHost.prepare();
    const own = `unix:${second.settings.runtimeDir}/own.sock`;
    const refused = {
      code: "LISTEN_FAILED",
      message: `cannot listen on ${path}: another process is serving there`,
      hint: "stop the other host, or choose another address with --listen",
    };
    await using both = await TestHost.prepare({ settings: { listen: [own, address] } });
    await assert.rejects(both.start(), refused);
    assert(!existsSync(own.replace(/^unix:/, "")), "what was bound before is given back");
    assert.equal((await collect(first.client.execute({ executor: "noop" }))).result.outcome, "SUCCEEDED");
    await second.start();
  });

  test("whose path is too long for the system is told as such", guard, async () => {
    await using host = await TestHost.prepare({ settings: { listen: [`unix:/tmp/${"x".repeat(103)}`] } });
    await assert.rejects(host.start(), {
      code: "SETTINGS_INVALID",
      message: /^cannot listen on \/tmp\/x+: the path is too long for a socket$/,
      hint: "choose one that is 1 bytes shorter, with --listen or --runtime-dir",
    });
  });

  test("of something else that serves is not taken away either", guard, async () => {
    await using host = await TestHost.prepare();
    const path = host.path("other.sock");
    const server = createServer((socket) => socket.end());
    server.listen(path);
    await once(server, "listening");
    await using other = await TestHost.prepare({ settings: { listen: [`unix:${path}`] } });
    await assert.rejects(other.start(), { code: "LISTEN_FAILED", message: /another process is serving there/ });
    assert(existsSync(path));
    server.close();
    await once(server, "close");
  });

  test("on a port is taken as well, where only this machine can reach it", guard, async () => {
    await using host = await TestHost.start({ executors: ["noop"], settings: { listen: ["tcp:127.0.0.1:0"] } });
    const [address = ""] = host.host.addresses;
    assert.match(address, /^tcp:127\.0\.0\.1:[1-9]\d*$/);
    assert.equal((await collect(host.client.execute({ executor: "noop" }))).result.outcome, "SUCCEEDED");
    await using second = await TestHost.prepare({ settings: { listen: [address] } });
    await assert.rejects(second.start(), { code: "LISTEN_FAILED", message: /127\.0\.0\.1/ });
    await using open = await TestHost.prepare({ settings: { listen: ["tcp:0.0.0.0:0"] } });
    await assert.rejects(open.start(), { code: "LISTEN_REFUSED", hint: /TLS/ });
  });
});
