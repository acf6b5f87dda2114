import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionPool, type PooledConnection } from "./connection-pool.ts";

const guard = { timeout: 30_000 };
const signal = new AbortController().signal;

class Connection implements PooledConnection {
  usable = true;
  alive = true;
  checks = 0;
  closed = false;
  readonly onClose = Promise.withResolvers<void>();

  check(): Promise<boolean> {
    this.checks++;
    return Promise.resolve(this.alive);
  }

  close(): Promise<void> {
    this.closed = true;
    this.usable = false;
    this.onClose.resolve();
    return Promise.resolve();
  }
}

const open = () => Promise.resolve(new Connection());
const options = { idleMs: 60_000, checkAfterMs: 60_000, checkMs: 1_000 };

test("executions with equal settings share a connection, others do not", guard, async () => {
  await using pool = new ConnectionPool<Connection>(options);
  using first = await pool.acquire({ host: "a" }, open, signal);
  using second = await pool.acquire({ host: "a" }, open, signal);
  using third = await pool.acquire({ host: "b" }, open, signal);
  assert.equal(first.connection, second.connection);
  assert.deepEqual([first.reused, second.reused, third.reused], [false, true, false]);
  assert.notEqual(first.connection, third.connection);
});

test("a connection that nobody uses is closed after a while", guard, async () => {
  await using pool = new ConnectionPool<Connection>({ ...options, idleMs: 1 });
  const lease = await pool.acquire("a", open, signal);
  lease[Symbol.dispose]();
  const keepAlive = setInterval(() => undefined, 1_000);
  await lease.connection.onClose.promise;
  clearInterval(keepAlive);
  assert.equal(lease.connection.closed, true);
});

test("a lost connection is replaced for the next execution, and closed when its last user is done", guard, async () => {
  await using pool = new ConnectionPool<Connection>(options);
  const first = await pool.acquire("a", open, signal);
  first.connection.usable = false;
  using second = await pool.acquire("a", open, signal);
  assert.notEqual(second.connection, first.connection);
  assert.equal(first.connection.closed, false);
  first[Symbol.dispose]();
  assert.equal(first.connection.closed, true);
  assert.equal(second.connection.closed, false);
});

test("a connection that was idle is asked for a sign of life, and replaced if there is none", guard, async () => {
  await using pool = new ConnectionPool<Connection>({ ...options, checkAfterMs: -1 });
  const first = await pool.acquire("a", open, signal);
  assert.equal(first.connection.checks, 0);
  first[Symbol.dispose]();
  const again = await pool.acquire("a", open, signal);
  assert.equal(again.connection, first.connection);
  assert.equal(again.connection.checks, 1);
  again[Symbol.dispose]();
  first.connection.alive = false;
  using other = await pool.acquire("a", open, signal);
  assert.notEqual(other.connection, first.connection);
  assert.equal(first.connection.closed, true);
});

test("a connection that somebody uses is not idle, and not asked", guard, async () => {
  await using pool = new ConnectionPool<Connection>({ ...options, checkAfterMs: 50 });
  (await pool.acquire("a", open, signal))[Symbol.dispose]();
  using first = await pool.acquire("a", open, signal);
  await sleep(60);
  using second = await pool.acquire("a", open, signal);
  assert.equal(second.connection, first.connection);
  assert.equal(second.connection.checks, 0);
});

test("whoever gives up waiting stops the opening only if nobody else waits", guard, async () => {
  await using pool = new ConnectionPool<Connection>(options);
  const opening = Promise.withResolvers<Connection>();
  let aborted = false;
  const slowly = (asked: AbortSignal): Promise<Connection> => {
    asked.addEventListener("abort", () => {
      aborted = true;
      opening.reject(asked.reason);
    });
    return opening.promise;
  };
  const impatient = new AbortController();
  const one = pool.acquire("a", slowly, impatient.signal);
  const other = pool.acquire("a", slowly, signal);
  impatient.abort(new Error("enough"));
  await assert.rejects(one, /enough/);
  assert.equal(aborted, false);
  opening.resolve(new Connection());
  (await other)[Symbol.dispose]();

  const never = new AbortController();
  const alone = pool.acquire(
    "b",
    (asked) => new Promise((_, reject) => asked.addEventListener("abort", () => reject(asked.reason))),
    never.signal,
  );
  never.abort(new Error("enough"));
  await assert.rejects(alone, /enough/);
  using next = await pool.acquire("b", open, signal);
  assert.equal(next.reused, false);
});

test("a failed opening fails everybody who waits for it, and the next execution tries again", guard, async () => {
  await using pool = new ConnectionPool<Connection>(options);
  const refuse = () => Promise.reject(new Error("refused"));
  const results = await Promise.allSettled([pool.acquire("a", refuse, signal), pool.acquire("a", open, signal)]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  using lease = await pool.acquire("a", open, signal);
  assert.equal(lease.connection.usable, true);
});

test("closing the pool closes connections in use, and lets nobody in any more", guard, async () => {
  const pool = new ConnectionPool<Connection>(options);
  const lease = await pool.acquire("a", open, signal);
  await pool[Symbol.asyncDispose]();
  assert.equal(lease.connection.closed, true);
  assert.equal(pool.size, 0);
  await assert.rejects(pool.acquire("a", open, signal), /closed/);
  lease[Symbol.dispose]();
});
