import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { isHostError, type ErrorCode } from "@executor-host/proto/shared/error";
import { ConnInfo } from "@executor-host/proto/goplugin";
import { addEchoService, echoOn } from "../fixtures/echo-service.ts";
import { createCredentials } from "../tls/credentials.ts";
import { createIdentity } from "../tls/identity.ts";
import { openChannel } from "../transport/channel.ts";
import { listen } from "../transport/listen.ts";
import { ClassicBroker } from "./classic-broker.ts";
import { ConnectionTable } from "./connection-table.ts";

function fails(code: ErrorCode): (error: unknown) => boolean {
  return (error) => isHostError(error) && error.code === code;
}

const announcement = (serviceId: number, address = "/a"): ConnInfo =>
  ConnInfo.fromPartial({ serviceId, network: "unix", address });

describe("ConnectionTable", () => {
  const { signal } = new AbortController();
  const keepMs = 5_000;

  it("gives an announcement to whoever asks later", async () => {
    const table = new ConnectionTable(keepMs);
    table.put(announcement(1));
    assert.equal((await table.take(1, { timeoutMs: keepMs, signal })).address, "/a");
  });

  it("gives an announcement to whoever waits already", async () => {
    const table = new ConnectionTable(keepMs);
    const waiting = table.take(2, { timeoutMs: keepMs, signal });
    table.put(announcement(1, "/other"));
    table.put(announcement(2));
    assert.equal((await waiting).address, "/a");
  });

  it("gives an announcement once, and times out the second time", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const table = new ConnectionTable(keepMs);
    table.put(announcement(1));
    await table.take(1, { timeoutMs: keepMs, signal });
    const second = table.take(1, { timeoutMs: keepMs, signal });
    t.mock.timers.tick(keepMs);
    await assert.rejects(second, fails("BROKER_TIMEOUT"));
  });

  it("gives two announcements of one id to two who wait, in order", async () => {
    const table = new ConnectionTable(keepMs);
    const waiting = [table.take(1, { timeoutMs: keepMs, signal }), table.take(1, { timeoutMs: keepMs, signal })];
    table.put(announcement(1, "/first"));
    table.put(announcement(1, "/second"));
    const addresses = (await Promise.all(waiting)).map(({ address }) => address);
    assert.deepEqual(addresses, ["/first", "/second"]);
  });

  it("drops a second announcement of an id that is pending", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const table = new ConnectionTable(keepMs);
    table.put(announcement(1, "/first"));
    table.put(announcement(1, "/second"));
    assert.equal((await table.take(1, { timeoutMs: keepMs, signal })).address, "/first");
    const second = table.take(1, { timeoutMs: keepMs, signal });
    t.mock.timers.tick(keepMs);
    await assert.rejects(second, fails("BROKER_TIMEOUT"));
  });

  it("forgets an announcement after five seconds", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const table = new ConnectionTable(keepMs);
    table.put(announcement(1));
    table.put(announcement(2));
    t.mock.timers.tick(keepMs - 1);
    await table.take(1, { timeoutMs: keepMs, signal });
    t.mock.timers.tick(1);
    const late = table.take(2, { timeoutMs: keepMs, signal });
    t.mock.timers.tick(keepMs);
    await assert.rejects(late, fails("BROKER_TIMEOUT"));
  });

  it("does not give an announcement to whoever has stopped waiting", async () => {
    const table = new ConnectionTable(keepMs);
    const aborter = new AbortController();
    const given = table.take(1, { timeoutMs: keepMs, signal: aborter.signal });
    aborter.abort(new Error("changed my mind"));
    await assert.rejects(given, /changed my mind/);
    table.put(announcement(1));
    assert.equal((await table.take(1, { timeoutMs: keepMs, signal })).address, "/a");
  });
});

for (const kind of ["plaintext", "mutual TLS"]) {
  describe(`Two brokers over ${kind}`, { timeout: 120_000 }, () => {
    let directory: string;
    let left: ClassicBroker;
    let right: ClassicBroker;

    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), "broker-"));
      const place = { network: "unix", directory } as const;
      const identities = [createIdentity("P-256"), createIdentity("P-256")] as const;
      const broker = (own: 0 | 1): ClassicBroker => {
        const tls = { identity: identities[own], peerCertificatePem: identities[own === 0 ? 1 : 0].certificatePem };
        const credentials = createCredentials(kind === "plaintext" ? undefined : tls);
        return new ClassicBroker({
          listen: (register) => listen(place, credentials.server, register),
          open: (address, onClose) => openChannel(address, credentials.client, onClose),
        });
      };
      [left, right] = [broker(0), broker(1)];
      left.attach({ write: (info) => right.receive(info), close: () => undefined });
      right.attach({ write: (info) => left.receive(info), close: () => undefined });
    });

    afterEach(async () => {
      await Promise.all([left.close(), right.close()]);
      assert.deepEqual(readdirSync(directory), [], "sockets must be gone");
      rmSync(directory, { recursive: true });
    });

    it("reach each other's servers under equal numbers of their own", async () => {
      const [leftId, rightId] = [left.nextId(), right.nextId()];
      assert.deepEqual([leftId, rightId], [1, 1]);
      await left.serve(leftId, (server) => addEchoService(server, { say: async (text) => `left: ${text}` }));
      await right.serve(rightId, (server) => addEchoService(server, { say: async (text) => `right: ${text}` }));
      const toRight = await left.dial(1);
      const toLeft = await right.dial(1);
      assert.equal(await echoOn(toRight).say("hi"), "right: hi");
      assert.equal(await echoOn(toLeft).say("hi"), "left: hi");
      toRight.close();
      toLeft.close();
    });

    it("let a dial come before its server", async () => {
      const dialled = left.dial(7);
      await right.serve(7, (server) => addEchoService(server, { say: async () => "late" }));
      assert.equal(await echoOn(await dialled).say("x"), "late");
    });

    it("unlink the socket when a server is closed, while a call has time to finish", async () => {
      const arrived = Promise.withResolvers<void>();
      const release = Promise.withResolvers<string>();
      const server = await left.serve(1, (grpcServer) => {
        addEchoService(grpcServer, {
          say: () => {
            arrived.resolve();
            return release.promise;
          },
        });
      });
      assert.equal(readdirSync(directory).length, 1);
      const answer = echoOn(await right.dial(1)).say("x");
      await arrived.promise;
      const closed = server.close();
      release.resolve("finished");
      assert.equal(await answer, "finished");
      await closed;
      assert.deepEqual(readdirSync(directory), []);
      await server[Symbol.asyncDispose]();
    });

    it("end everything with the broker: servers, channels and dials in wait", async () => {
      await left.serve(1, (server) => addEchoService(server, { say: () => new Promise(() => undefined) }));
      const hanging = echoOn(await right.dial(1)).say("x");
      const waiting = right.dial(2);
      await Promise.all([
        assert.rejects(waiting, fails("BROKER_CLOSED")),
        assert.rejects(hanging),
        left.close(),
        right.close(),
      ]);
      await assert.rejects(right.dial(3), fails("BROKER_CLOSED"));
      await assert.rejects(
        left.serve(4, () => undefined),
        fails("BROKER_CLOSED"),
      );
      assert.deepEqual(readdirSync(directory), []);
    });
  });
}

describe("ClassicBroker", () => {
  const broker = (): ClassicBroker =>
    new ClassicBroker({
      listen: () => assert.fail("nothing listens here"),
      open: () => assert.fail("nothing is dialled here"),
    });

  it("refuses an announcement of a network that does not exist", async () => {
    const own = broker();
    own.receive(ConnInfo.fromPartial({ serviceId: 1, network: "pigeon", address: "/a" }));
    await assert.rejects(own.dial(1), fails("ADDRESS_INVALID"));
    await own.close();
  });

  it("ignores knocks, which belong to multiplexing", async (t) => {
    const own = broker();
    own.receive(ConnInfo.fromPartial({ serviceId: 1, knock: { knock: true } }));
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const dialled = own.dial(1);
    t.mock.timers.tick(5_000);
    await assert.rejects(dialled, fails("BROKER_TIMEOUT"));
    await own.close();
  });

  it("stops waiting when the caller does", async () => {
    const own = broker();
    await assert.rejects(own.dial(1, { signal: AbortSignal.abort(new Error("enough")) }), /enough/);
    await own.close();
  });
});
