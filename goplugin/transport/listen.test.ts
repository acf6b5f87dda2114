import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { HealthClient } from "@executor-host/proto/health";
import { isHostError, type ErrorCode } from "@executor-host/proto/shared/error";
import { linkClient } from "../client/grpc-call.ts";
import { addEchoService, echoOn } from "../fixtures/echo-service.ts";
import { addHealthService } from "../server/health-service.ts";
import { listenPlace, usualNetwork } from "../server/listen-place.ts";
import { createCredentials } from "../tls/credentials.ts";
import { openChannel, targetOf } from "./channel.ts";
import { listen } from "./listen.ts";

const { client, server: credentials } = createCredentials(undefined);

function fails(code: ErrorCode, message = /^/): (error: unknown) => boolean {
  return (error) => isHostError(error) && error.code === code && message.test(error.message);
}

describe("listen() on a unix socket", { timeout: 120_000 }, () => {
  it("lets only the owner in, and unlinks it when closed", async () => {
    const directory = mkdtempSync(join(tmpdir(), "listen-"));
    const listener = await listen({ network: "unix", directory }, credentials, (server) => {
      addEchoService(server, { say: async (text) => text });
    });
    const [name = ""] = readdirSync(directory);
    assert.match(name, /^plugin\d+$/);
    assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600);
    const channel = openChannel(listener.address, client);
    assert.equal(await echoOn(channel).say("x"), "x");
    channel.close();
    await listener.close();
    await listener.close();
    assert.deepEqual(readdirSync(directory), []);
    rmSync(directory, { recursive: true });
  });

  it("drops a stream that is still open when it is closed", async () => {
    const directory = mkdtempSync(join(tmpdir(), "listen-"));
    const listener = await listen({ network: "unix", directory }, credentials, addHealthService);
    const channel = openChannel(listener.address, client);
    const watch = linkClient(HealthClient, channel).watch({ service: "" });
    await once(watch, "data");
    const dropped = once(watch, "error");
    await listener.close({ drainMs: 10 });
    await dropped;
    channel.close();
    rmSync(directory, { recursive: true });
  });

  it("lets a group in when asked to", async () => {
    const directory = mkdtempSync(join(tmpdir(), "listen-"));
    const groupId = process.getgid?.() ?? 0;
    const listener = await listen({ network: "unix", directory, groupId }, credentials, () => undefined);
    const [name = ""] = readdirSync(directory);
    const { mode, gid } = statSync(join(directory, name));
    assert.equal(mode & 0o777, 0o660);
    assert.equal(gid, groupId);
    await listener.close();
    rmSync(directory, { recursive: true });
  });

  it("refuses a path that no system takes, in place of binding a shorter one", async () => {
    const directory = join(tmpdir(), "x".repeat(100));
    await assert.rejects(
      listen({ network: "unix", directory }, credentials, () => undefined),
      fails("ADDRESS_INVALID", /bytes long/),
    );
  });

  it("says why it cannot listen", async () => {
    await assert.rejects(
      listen({ network: "unix", directory: "/no/such/directory" }, credentials, () => undefined),
      fails("LISTEN_FAILED", /cannot listen on \/no\/such\/directory\/plugin/),
    );
  });
});

describe("listen() on tcp", { timeout: 120_000 }, () => {
  it("takes the first free port of the range, on the loopback interface", async () => {
    const first = await listen({ network: "tcp", minPort: 0, maxPort: 0 }, credentials, () => undefined);
    assert.equal(first.address.network, "tcp");
    const { host, port } = first.address;
    assert.equal(host, "127.0.0.1");
    const range = { network: "tcp", minPort: port, maxPort: Math.min(port + 100, 65_535) } as const;
    const second = await listen(range, credentials, () => undefined);
    assert.ok(second.address.network === "tcp" && second.address.port > port);
    await assert.rejects(
      listen({ network: "tcp", minPort: port, maxPort: port }, credentials, () => undefined),
      fails("LISTEN_FAILED", new RegExp(`no free port from ${port} to ${port}`)),
    );
    await Promise.all([first.close(), second.close()]);
  });
});

describe("targetOf()", () => {
  it("names addresses as gRPC wants them", () => {
    assert.equal(targetOf({ network: "unix", path: "//tmp/x" }), "unix:////tmp/x");
    assert.equal(targetOf({ network: "tcp", host: "127.0.0.1", port: 80 }), "dns:127.0.0.1:80");
    assert.equal(targetOf({ network: "tcp", host: "::1", port: 80 }), "dns:[::1]:80");
  });
});

describe("listenPlace()", () => {
  it("follows the host's directory, and takes the system's otherwise", () => {
    const given = { PLUGIN_UNIX_SOCKET_DIR: "/run/p" };
    assert.deepEqual(listenPlace(given, "unix"), { network: "unix", directory: "/run/p", groupId: undefined });
    assert.deepEqual(listenPlace({}, "unix"), { network: "unix", directory: tmpdir(), groupId: undefined });
  });

  it("knows groups by number and by name", () => {
    const groupId = (group: string): unknown => {
      const place = listenPlace({ PLUGIN_UNIX_SOCKET_GROUP: group }, "unix");
      return place.network === "unix" ? place.groupId : undefined;
    };
    assert.equal(groupId("1234"), 1234);
    assert.equal(groupId(process.platform === "darwin" ? "wheel" : "root"), 0);
    assert.throws(() => groupId("no-such-group"), fails("PLUGIN_OPTIONS_INVALID", /no-such-group/));
  });

  it("takes ports on Windows, where Node has no unix sockets", () => {
    const range = { PLUGIN_MIN_PORT: "10000", PLUGIN_MAX_PORT: "25000" };
    assert.deepEqual(listenPlace(range, "tcp"), { network: "tcp", minPort: 10_000, maxPort: 25_000 });
    assert.deepEqual(listenPlace({}, "tcp"), { network: "tcp", minPort: 0, maxPort: 0 });
    assert.deepEqual([usualNetwork("win32"), usualNetwork("linux")], ["tcp", "unix"]);
    const bad = [
      { ...range, PLUGIN_MIN_PORT: "30000" },
      { ...range, PLUGIN_MIN_PORT: "many" },
    ];
    for (const environment of bad) {
      assert.throws(() => listenPlace(environment, "tcp"), fails("PLUGIN_OPTIONS_INVALID", /PLUGIN_MIN_PORT/));
    }
  });
});
