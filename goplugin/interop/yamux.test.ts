import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { before, describe, it } from "node:test";
import { yamuxDefaults } from "../protocol/defaults.ts";
import { YamuxSession } from "../yamux/session.ts";
import { buildGoPeers, skipWithoutGo, type GoPeers } from "./go-peers.ts";

const buildMs = 300_000;

describe("A session with a peer made with hashicorp/yamux", { skip: skipWithoutGo(), timeout: buildMs }, () => {
  let peers: GoPeers;
  before(async () => {
    peers = await buildGoPeers();
  });

  for (const role of ["client", "server"] as const) {
    it(`carries streams of both sides at once, as its ${role}`, async () => {
      const directory = mkdtempSync(join(tmpdir(), "yamux-"));
      const listener = createServer();
      listener.listen(join(directory, "s"));
      await once(listener, "listening");
      const theirs = role === "client" ? "server" : "client";
      const peer = spawn(peers.yamux, ["-role", theirs, "-streams", "8", join(directory, "s")], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const exited = once(peer, "exit");
      try {
        const [connection]: Socket[] = await once(listener, "connection");
        assert.ok(connection);
        await using session = new YamuxSession(connection, role);
        void echoAll(session);
        await Promise.all(Array.from({ length: 8 }, (_, index) => assertEchoed(session, index)));
        assert.ok((await session.ping()) >= 0);
        const [said]: Buffer[] = await once(peer.stdout, "data");
        assert.equal(String(said), "done\n");
      } finally {
        listener.close();
        assert.deepEqual(await exited, [0, null]);
        rmSync(directory, { recursive: true });
      }
    });
  }
});

async function echoAll(session: YamuxSession): Promise<void> {
  for (let stream = await session.accept(); stream !== undefined; stream = await session.accept()) stream.pipe(stream);
}

async function assertEchoed(session: YamuxSession, index: number): Promise<void> {
  const sent = Buffer.alloc(4 * yamuxDefaults.windowBytes + index, `${index}`);
  const stream = await session.open();
  stream.end(sent);
  assert.ok((await buffer(stream)).equals(sent));
}
