import assert from "node:assert/strict";
import { test } from "node:test";

import { limits } from "../defaults.ts";
import { TestExecutor, evidence } from "../testing/test-executor.ts";
import { TestServer } from "../testing/test-server.ts";
import { ConnectionPool, type Lease } from "./pool.ts";
import type { Route } from "./route.ts";

const guard = { timeout: 60_000 };
const signal = new AbortController().signal;

function routeTo(server: TestServer): Route {
  return {
    secure: false,
    hostname: "127.0.0.1",
    port: server.port,
    unixSocket: undefined,
    proxy: undefined,
    addresses: {},
    localAddress: undefined,
    tls: {
      ca: undefined,
      withSystemCa: false,
      certificate: undefined,
      key: undefined,
      passphrase: undefined,
      serverName: undefined,
      minVersion: "TLSv1.2",
      verify: true,
    },
    httpVersion: "1.1",
  };
}

const ok = () => TestServer.start((_request, response) => response.end("ok"));

async function use({ connection }: Lease): Promise<void> {
  const { body } = await connection.client.request({ method: "GET", path: "/" });
  await body.text();
}

test("ConnectionPool hands out a released connection again", guard, async () => {
  await using server = await ok();
  await using pool = new ConnectionPool();
  const first = await pool.acquire(routeTo(server), { signal });
  const meanwhile = await pool.acquire(routeTo(server), { signal });
  assert.notEqual(meanwhile.connection, first.connection);
  await use(first);
  first.release();
  first.release();
  const second = await pool.acquire(routeTo(server), { signal });
  assert.equal(second.connection, first.connection);
  assert.deepEqual([first.reused, second.reused], [false, true]);
  assert.equal(pool.size, 2);
});

test("ConnectionPool keeps connections of different routes apart", guard, async () => {
  await using server = await ok();
  await using pool = new ConnectionPool();
  const route = routeTo(server);
  const first = await pool.acquire(route, { signal });
  await use(first);
  first.release();
  for (const other of [
    { ...route, hostname: "localhost" },
    { ...route, tls: { ...route.tls, verify: false } },
    { ...route, tls: { ...route.tls, serverName: "x" } },
  ]) {
    const lease = await pool.acquire(other, { signal });
    assert.notEqual(lease.connection, first.connection);
    lease.release();
  }
});

test("ConnectionPool does not hand out a connection that the server has closed", guard, async () => {
  await using server = await ok();
  await using pool = new ConnectionPool();
  const first = await pool.acquire(routeTo(server), { signal });
  await use(first);
  first.release();
  const closed = Promise.withResolvers<void>();
  first.connection.client.once("disconnect", () => closed.resolve());
  server.dropConnections();
  await closed.promise;
  const second = await pool.acquire(routeTo(server), { signal });
  assert.notEqual(second.connection, first.connection);
});

test("ConnectionPool closes the longest idle connection when there are too many", guard, async () => {
  await using server = await ok();
  await using pool = new ConnectionPool();
  const leases: Lease[] = [];
  for (let count = 0; count <= limits.idleConnections; count++) {
    leases.push(await pool.acquire(routeTo(server), { signal }));
  }
  await Promise.all(leases.map(use));
  for (const lease of leases) lease.release();
  await server.waitUntil(() => server.open === limits.idleConnections);
  assert.equal(leases[0]?.connection.available, false);
  assert.equal(leases.at(-1)?.connection.available, true);
});

test("ConnectionPool closes idle connections after a while", guard, async () => {
  await using server = await ok();
  await using pool = new ConnectionPool();
  const lease = await pool.acquire(routeTo(server), { signal });
  await use(lease);
  lease.release();
  await server.waitUntil(() => server.open === 0);
  await closedIn(pool);
});

/** The pool hears of an end a moment after the server. */
async function closedIn(pool: ConnectionPool): Promise<void> {
  while (pool.size > 0) await new Promise((resolve) => setImmediate(resolve));
}

test("ConnectionPool leaves nothing open when it is disposed", guard, async () => {
  await using server = await ok();
  const pool = new ConnectionPool();
  const idle = await pool.acquire(routeTo(server), { signal });
  const busy = await pool.acquire(routeTo(server), { signal });
  await use(idle);
  idle.release();
  await pool[Symbol.asyncDispose]();
  await pool[Symbol.asyncDispose]();
  await server.waitUntil(() => server.open === 0);
  busy.release();
  await closedIn(pool);
});

test("an executor that is closed has no connection left, after every kind of end", guard, async () => {
  await using server = await TestServer.start((request, response, raw) => {
    if (request.url === "/reset") return raw.socket.destroy();
    if (request.url === "/hang") return undefined;
    if (request.url === "/endless") return response.write("x".repeat(1_000));
    return response.writeHead(request.url === "/500" ? 500 : 200).end("ok");
  });
  {
    await using http = new TestExecutor();
    const ends = [
      { url: server.url },
      { url: `${server.url}/500`, retry_attempts: "2", retry_backoff: "1ms" },
      { url: `${server.url}/reset` },
      { url: `${server.url}/hang`, headers_timeout: "50ms" },
      { url: `${server.url}/endless`, idle_timeout: "50ms" },
      { url: `${server.url}/endless`, max_body_bytes: "10", body_overflow: "fail" },
      { url: server.url, expectBody: "no" },
    ];
    await Promise.all(ends.map((config) => http.run(config)));
  }
  await server.waitUntil(() => server.open === 0);
});

test("keep_alive=false uses no open connection and leaves none", guard, async () => {
  await using server = await ok();
  await using http = new TestExecutor();
  await http.run({ url: server.url });
  const run = await http.run({ url: server.url, keep_alive: "false" });
  assert.equal(evidence(run, "connectionReused"), false);
  assert.equal(server.last.headers.connection, "close");
  await server.waitUntil(() => server.open <= 1);
});
