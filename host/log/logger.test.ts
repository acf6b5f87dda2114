import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { HostError } from "@executor-host/proto/shared/error";
import { createLogger, type Logger, type LoggerOptions } from "./logger.ts";
import { hasColor } from "./style.ts";

const time = Date.UTC(2026, 10, 21, 6, 48, 12, 123);

function capture(options: Partial<LoggerOptions>, use: (log: Logger) => void): string {
  const stream = new PassThrough();
  use(createLogger({ stream, level: "debug", format: "text", now: () => time, ...options }));
  return String(stream.read() ?? "");
}

test("a text line has time, level, message and fields, quoted where they must be", () => {
  const text = capture({}, (log) =>
    log.info("executor ready", { executor: "shell", pid: 42, note: "two words", ok: true, gone: undefined, empty: "" }),
  );
  assert.equal(
    text,
    '2026-11-21T06:48:12.123Z INFO  executor ready executor=shell pid=42 note="two words" ok=true empty=""\n',
  );
});

test("a JSON line is one object with time, level and message, and keeps a field of the same name apart", () => {
  const text = capture({ format: "json" }, (log) => log.warn("hm", { pid: 1, level: "mine", nested: { a: [1, "x"] } }));
  assert.deepEqual(JSON.parse(text), {
    time: "2026-11-21T06:48:12.123Z",
    level: "warn",
    message: "hm",
    pid: 1,
    _level: "mine",
    nested: { a: [1, "x"] },
  });
});

test("a child adds its fields to every line, and a line's own fields win", () => {
  const text = capture({}, (log) =>
    log.child({ executor: "shell", pid: 1 }).child({ attempt: 2 }).error("e", { pid: 3 }),
  );
  assert.match(text, /ERROR e executor=shell pid=3 attempt=2\n$/);
});

test("lines below the level are not written", () => {
  const text = capture({ level: "warn" }, (log) => {
    log.debug("one");
    log.info("two");
    log.warn("three");
    log.error("four");
  });
  assert.deepEqual(
    text
      .trim()
      .split("\n")
      .map((line) => line.slice(25)),
    ["WARN  three", "ERROR four"],
  );
});

test("control characters can neither break a line nor reach a terminal", () => {
  const hostile = "a\n\u001b[31mred\u009b2J\u202ereversed\u2028";
  for (const format of ["text", "json"] as const) {
    const text = capture({ format }, (log) => log.info(hostile, { [hostile]: hostile }));
    assert.equal(text.indexOf("\n"), text.length - 1, text);
    // oxlint-disable-next-line no-control-regex -- that none is left is what is checked
    assert.doesNotMatch(text.slice(0, -1), /[\u0000-\u001f\u007f-\u009f\u202e\u2028]/);
    if (format === "json") assert.equal((JSON.parse(text) as { message: string }).message, hostile);
  }
});

test("errors are told with code, message, hint and cause; a stack only as JSON and only for foreign ones", () => {
  const error = new HostError("QUEUE_FULL", "queue is full", { hint: "later", cause: new TypeError("deep") });
  assert.match(
    capture({}, (log) => log.error("no", { error })),
    /error\.code=QUEUE_FULL error\.message="queue is full" error\.hint=later error\.cause\.name=TypeError error\.cause\.message=deep\n$/,
  );
  const line = JSON.parse(capture({ format: "json" }, (log) => log.error("no", { error }))) as {
    error: { stack?: string; cause: { stack: string } };
  };
  assert.equal(line.error.stack, undefined);
  assert.match(line.error.cause.stack, /logger\.test/);
});

test("values JSON cannot say are told in words", () => {
  const cyclic: Record<string, unknown> = {};
  cyclic["self"] = cyclic;
  const text = capture({ format: "json" }, (log) =>
    log.info("odd", {
      big: 10n,
      bytes: Buffer.from("abc"),
      nan: Number.NaN,
      date: new Date(time),
      map: new Map([["k", 1]]),
      set: new Set([1]),
      symbol: Symbol("s"),
      none: null,
      cyclic,
    }),
  );
  const { cyclic: nested, ...rest } = JSON.parse(text) as Record<string, unknown>;
  assert.deepEqual(rest, {
    time: "2026-11-21T06:48:12.123Z",
    level: "info",
    message: "odd",
    big: "10",
    bytes: "3 bytes",
    nan: "NaN",
    date: "2026-11-21T06:48:12.123Z",
    map: { k: 1 },
    set: [1],
    symbol: "Symbol(s)",
    none: null,
  });
  assert.match(JSON.stringify(nested), /\{\.\.\.\}/);
});

test("a logger whose stream is gone stays quiet", () => {
  const stream = new PassThrough();
  stream.destroy();
  createLogger({ stream, level: "debug", format: "text" }).info("nobody listens");
  assert.equal(stream.destroyed, true);
});

test("colour is for terminals, unless NO_COLOR or FORCE_COLOR says otherwise", () => {
  const terminal = { isTTY: true };
  assert.equal(hasColor(terminal, {}), true);
  assert.equal(hasColor({}, {}), false);
  assert.equal(hasColor(terminal, { TERM: "dumb" }), false);
  assert.equal(hasColor(terminal, { NO_COLOR: "1" }), false);
  assert.equal(hasColor(terminal, { NO_COLOR: "" }), true);
  assert.equal(hasColor({}, { FORCE_COLOR: "1", NO_COLOR: "1" }), true);
  assert.equal(hasColor(terminal, { FORCE_COLOR: "0" }), false);
  const text = capture({ color: true }, (log) => log.error("e"));
  assert.ok(text.includes("\u001b[31mERROR\u001b[39m"), text);
});
