import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { duplexPair } from "node:stream";
import { afterEach, beforeEach, describe, it } from "node:test";
import { ConnInfo } from "@executor-host/proto/goplugin";
import type { MultiplexedBroker } from "../broker/multiplexed-broker.ts";
import { addEchoService, echoOn } from "../fixtures/echo-service.ts";
import { timeouts } from "../protocol/defaults.ts";
import { createCredentials } from "../tls/credentials.ts";
import { createIdentity } from "../tls/identity.ts";
import { YamuxSession } from "../yamux/session.ts";
import { createMultiplexedBroker } from "./broker-link.ts";
import { MultiplexedEndpoint } from "./listen.ts";
import { Multiplexer } from "./multiplexer.ts";
import { openRelayedChannel } from "./relayed-channel.ts";

/** Let everything happen that needs no time. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const knock = (serviceId: number): ConnInfo => ConnInfo.fromPartial({ serviceId, knock: { knock: true } });
const answer = (serviceId: number, error = ""): ConnInfo =>
  ConnInfo.fromPartial({ serviceId, knock: { knock: true, ack: true, error } });

describe("A knock", { timeout: 120_000 }, () => {
  const infos: ConnInfo[] = [];
  let session: YamuxSession;
  let other: YamuxSession;
  let broker: MultiplexedBroker;
  let directory: string;
  let strays: number;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "mux-"));
    const [left, right] = duplexPair();
    session = new YamuxSession(left, "client");
    other = new YamuxSession(right, "server");
    strays = 0;
    const multiplexer = new Multiplexer((stream) => {
      strays += 1;
      stream.destroy();
    });
    multiplexer.attach(session);
    broker = createMultiplexedBroker(multiplexer, { network: "unix", directory }, createCredentials(undefined));
    infos.length = 0;
    broker.attach({ write: (info) => void infos.push(info), close: () => undefined });
  });

  afterEach(async () => {
    await broker.close();
    await session.close();
    await other.close();
    assert.deepEqual(readdirSync(directory), []);
    rmSync(directory, { recursive: true });
  });

  it("has the bytes that Go's have", () => {
    const hex = (info: ConnInfo): string => Buffer.from(ConnInfo.encode(info).finish()).toString("hex");
    assert.equal(hex(knock(1)), "080122020801");
    assert.equal(hex(answer(1)), "0801220408011001");
    assert.equal(hex(answer(1, "no")), "08012208080110011a026e6f");
  });

  it("is sent for a dial, and its answer is followed by a stream", async () => {
    const dialled = broker.dial(3);
    await settle();
    assert.deepEqual(infos, [knock(3)]);
    assert.equal(other.streamCount, 0);
    broker.receive(answer(3));
    await dialled;
    assert.ok(await other.accept());
  });

  it("waits for the one before it", async () => {
    const dialled = [broker.dial(1), broker.dial(2)];
    await settle();
    assert.deepEqual(infos, [knock(1)]);
    broker.receive(answer(1));
    await dialled[0];
    await settle();
    assert.deepEqual(infos, [knock(1), knock(2)]);
    broker.receive(answer(2));
    await dialled[1];
  });

  it("that is refused fails the dial with the reason, and lets the next one go on", async () => {
    const refused = broker.dial(1);
    const next = broker.dial(2);
    await settle();
    broker.receive(answer(1, "no listener for id 1"));
    await assert.rejects(refused, { code: "BROKER_TIMEOUT", message: /no listener for id 1/ });
    await settle();
    broker.receive(answer(2));
    await next;
  });

  it("without an answer fails the dial; an answer that comes late gets an empty stream", async () => {
    await assert.rejects(broker.dial(1, { timeoutMs: 1 }), { code: "BROKER_TIMEOUT", message: /within 1 ms/ });
    broker.receive(answer(1, "refused anyway"));
    await settle();
    assert.equal(other.streamCount, 0);
    broker.receive(answer(1));
    const stream = await other.accept();
    stream?.resume().end();
    await settle();
    assert.equal(other.streamCount, 0);
  });

  it("is given up with its dial", async () => {
    const aborter = new AbortController();
    const dialled = broker.dial(1, { signal: aborter.signal });
    await settle();
    aborter.abort(new Error("changed my mind"));
    await assert.rejects(dialled, /changed my mind/);
    await broker.close();
    await assert.rejects(broker.dial(2), { code: "BROKER_CLOSED" });
    await assert.rejects(
      broker.serve(2, () => undefined),
      { code: "BROKER_CLOSED" },
    );
  });

  it("for an id that is served is answered, and the next stream goes there", async () => {
    await broker.serve(5, (server) => addEchoService(server, { say: async (text) => `five: ${text}` }));
    broker.receive(knock(5));
    await settle();
    assert.deepEqual(infos, [answer(5)]);
    const channel = await openRelayedChannel({ network: "unix", directory }, createCredentials(undefined).client, () =>
      other.open(),
    );
    assert.equal(await echoOn(channel).say("hello"), "five: hello");
    channel.close();
    assert.equal(strays, 0);
  });

  it("for an id that is served only then is answered then", async () => {
    broker.receive(knock(5));
    await settle();
    assert.deepEqual(infos, []);
    await broker.serve(5, () => undefined);
    await settle();
    assert.deepEqual(infos, [answer(5)]);
  });

  it("for an id that nobody serves is refused before the other side stops waiting", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    broker.receive(knock(5));
    t.mock.timers.tick(timeouts.brokerMs - 1);
    await settle();
    assert.deepEqual(infos, [answer(5, "nobody serves broker id 5")]);
    await broker.serve(5, () => undefined);
    await settle();
    assert.equal(infos.length, 1);
  });

  it("must come before a stream: one without is nobody's", async () => {
    await broker.serve(5, () => undefined);
    await other.open();
    await settle();
    assert.equal(strays, 1);
  });

  it("leaves nothing to an id whose server is closed", async () => {
    await using served = await broker.serve(5, () => undefined);
    broker.receive(knock(5));
    await served.close();
    const stream = await other.open();
    await new Promise((resolve) => stream.once("close", resolve).resume().end());
    broker.receive(knock(5));
    await settle();
    assert.deepEqual(infos, [answer(5)]);
  });
});

for (const kind of ["plaintext", "mutual TLS"]) {
  describe(`One connection in ${kind}`, { timeout: 120_000 }, () => {
    it("takes one host at a time, and the next one when that has gone", async () => {
      const directory = mkdtempSync(join(tmpdir(), "mux-"));
      const identities = [createIdentity("P-256"), createIdentity("P-256")] as const;
      const credentials = (own: 0 | 1) =>
        createCredentials(
          kind === "plaintext"
            ? undefined
            : { identity: identities[own], peerCertificatePem: identities[own === 0 ? 1 : 0].certificatePem },
        );
      const place = { network: "unix", directory } as const;
      const endpoint = new MultiplexedEndpoint();
      const listener = await endpoint.listen(place, credentials(0).server, (server) =>
        addEchoService(server, { say: async (text) => `main: ${text}` }),
      );
      assert.equal(listener.address.network, "unix");
      const path = listener.address.network === "unix" ? listener.address.path : "";
      for (let round = 1; round <= 2; round++) {
        const session = new YamuxSession(connect(path), "client");
        const channel = await openRelayedChannel(place, credentials(1).client, () => session.open());
        assert.equal(await echoOn(channel).say(`round ${round}`), `main: round ${round}`);
        const second = connect(path).resume();
        await new Promise((resolve) => second.once("close", resolve));
        assert.equal(await echoOn(channel).say("still here"), "main: still here");
        channel.close();
        await session.close();
        while (endpoint.multiplexer.hasSession) await settle();
      }
      await listener.close();
      assert.deepEqual(readdirSync(directory), []);
      rmSync(directory, { recursive: true });
    });
  });
}
