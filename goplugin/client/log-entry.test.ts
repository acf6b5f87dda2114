import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createLogger, formatLogLine } from "../server/plugin-logger.ts";
import { LogLineParser, type LogEntry } from "./log-entry.ts";

function parse(line: string): LogEntry {
  return new LogLineParser().parse(line);
}

function pick(line: string): Pick<LogEntry, "level" | "message"> {
  const { level, message } = parse(line);
  return { level, message };
}

describe("LogLineParser reads hclog's JSON:", () => {
  it("level, message, logger, time and the other keys", () => {
    const line =
      '{"@level":"warn","@message":"slow","@module":"shell.run","@timestamp":"2026-11-21T04:04:38.298067Z","count":3,"at":{"x":[1]}}';
    assert.deepEqual(parse(line), {
      level: "warn",
      message: "slow",
      logger: "shell.run",
      time: new Date("2026-11-21T04:04:38.298Z"),
      fields: { count: 3, at: { x: [1] } },
      source: "stderr",
    });
  });

  it("any precision of time, and any zone", () => {
    for (const time of ["04:04:38Z", "04:04:38.298Z", "04:04:38.298067Z", "06:04:38.298067123+02:00"]) {
      const entry = parse(`{"@message":"m","@timestamp":"2026-11-21T${time}"}`);
      assert.equal(entry.time?.toISOString().slice(0, 19), "2026-11-21T04:04:38");
    }
  });

  it("levels in any case, with blanks", () => {
    assert.equal(parse('{"@level":" WARN ","@message":"m"}').level, "warn");
  });
});

describe("LogLineParser survives", () => {
  const rows: Record<string, { line: string; level: LogEntry["level"]; message: string }> = {
    "a message that is a number": { line: '{"@message":5}', level: "debug", message: "5" },
    "a message that is null": { line: '{"@message":null,"@level":"info"}', level: "info", message: "null" },
    "a level that is an object": { line: '{"@message":"m","@level":{}}', level: "debug", message: "m" },
    "a time that is a list": { line: '{"@message":"m","@timestamp":[1]}', level: "debug", message: "m" },
    "a time that is nonsense": { line: '{"@message":"m","@timestamp":"yesterday"}', level: "debug", message: "m" },
    "broken JSON": { line: '{"@message":', level: "debug", message: '{"@message":' },
    "a JSON list": { line: '["a"]', level: "debug", message: '["a"]' },
    "a JSON number": { line: "17", level: "debug", message: "17" },
    "JSON null": { line: "null", level: "debug", message: "null" },
    "an object without a message": { line: '{"a":1}', level: "debug", message: '{"a":1}' },
    "an object of another logger's, with a level": {
      line: '{"level":"error","event":"x"}',
      level: "error",
      message: '{"level":"error","event":"x"}',
    },
    "keys of JavaScript's own": { line: '{"__proto__":{"x":1},"@message":"m"}', level: "debug", message: "m" },
    "an empty line": { line: "", level: "debug", message: "" },
  };
  for (const [name, { line, ...expected }] of Object.entries(rows)) {
    it(name, () => assert.deepEqual(pick(line), expected));
  }
});

describe("LogLineParser knows other loggers:", () => {
  const rows: Record<string, { line: string; level: LogEntry["level"]; message: string }> = {
    "pino's numbers": { line: '{"level":50,"time":1731000000000,"msg":"m"}', level: "error", message: "m" },
    "pino's fatal": { line: '{"level":60,"msg":"m"}', level: "error", message: "m" },
    "pino's own levels between": { line: '{"level":35,"msg":"m"}', level: "info", message: "m" },
    warning: { line: '{"@level":"warning","@message":"m"}', level: "warn", message: "m" },
    fatal: { line: '{"@level":"fatal","@message":"m"}', level: "error", message: "m" },
    "off, which no entry should have": { line: '{"@level":"off","@message":"m"}', level: "debug", message: "m" },
    "a level nobody knows": { line: '{"@level":"loud","@message":"m"}', level: "debug", message: "m" },
  };
  for (const [name, { line, ...expected }] of Object.entries(rows)) {
    it(name, () => assert.deepEqual(pick(line), expected));
  }
});

describe("LogLineParser reads text:", () => {
  it("a level in brackets at the start of the line", () => {
    assert.deepEqual(pick("[WARN] disk is full"), { level: "warn", message: "disk is full" });
    assert.deepEqual(pick("[ERROR]  x"), { level: "error", message: "x" });
  });

  it("anything else at debug level, as it is", () => {
    assert.deepEqual(pick(" [WARN] not at the start"), { level: "debug", message: " [WARN] not at the start" });
  });

  it("a Go panic and what follows as errors, but tagged lines by their tag", () => {
    const parser = new LogLineParser();
    const lines = ["before", "panic: boom", "goroutine 1 [running]:", "[INFO] x", '{"@level":"info","@message":"m"}'];
    const levels = lines.map((line) => parser.parse(line).level);
    assert.deepEqual(levels, ["debug", "error", "error", "info", "info"]);
  });

  it("a Go runtime's fatal error like a panic", () => {
    const parser = new LogLineParser();
    assert.equal(parser.parse("fatal error: concurrent map writes").level, "error");
    assert.equal(parser.parse("goroutine 1 [running]:").level, "error");
  });
});

describe("createLogger()", () => {
  it("writes entries that LogLineParser reads back", () => {
    const lines: string[] = [];
    const logger = createLogger({ name: "shell", write: (line) => lines.push(line) }).with({ execution: "e1" });
    logger.warn("slow", { count: 3 });
    const entry = parse(lines.join("").trimEnd());
    assert.equal(entry.level, "warn");
    assert.equal(entry.logger, "shell");
    assert.deepEqual(entry.fields, { execution: "e1", count: 3 });
    assert.ok(entry.time instanceof Date);
  });

  it("writes times with six digits, the only ones that Go takes", () => {
    const { "@timestamp": time } = JSON.parse(formatLogLine("n", "info", "m", {}));
    assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  });

  it("keeps its own keys from being overwritten", () => {
    const entry = JSON.parse(formatLogLine("n", "info", "m", { "@message": "other", "@level": 5 }));
    assert.equal(entry["@message"], "m");
    assert.equal(entry["@level"], "info");
  });

  it("drops entries below its level", () => {
    const lines: string[] = [];
    const logger = createLogger({ name: "n", level: "warn", write: (line) => lines.push(line) });
    logger.info("no");
    logger.error("yes");
    assert.equal(lines.length, 1);
  });

  it("writes one line whatever the fields are", () => {
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    const throwing = {
      toJSON(): never {
        throw new Error("no");
      },
    };
    for (const fields of [{ cycle }, { throwing }, { big: 10n }, { error: new Error("boom") }, { text: "a\nb" }]) {
      const line = formatLogLine("n", "info", "m", fields);
      assert.equal(line.indexOf("\n"), line.length - 1);
      assert.equal(JSON.parse(line)["@message"], "m");
    }
    assert.equal(JSON.parse(formatLogLine("n", "info", "m", { error: new Error("boom") })).error, "boom");
  });
});
