import type { LogLevel } from "../protocol/log-level.ts";

/** One line of a plugin's output, as far as it could be understood. */
export interface LogEntry {
  readonly level: LogLevel;
  /** The message, or the whole line when it is no log entry. */
  readonly message: string;
  /** The plugin's logger; empty when it named none. */
  readonly logger: string;
  /** When the plugin says it happened. */
  readonly time: Date | undefined;
  /** Every other key of the entry. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly source: "stderr" | "stdout";
}

const levelByName = new Map<unknown, LogLevel>(
  Object.entries({
    trace: "trace",
    debug: "debug",
    info: "info",
    information: "info",
    notice: "info",
    warn: "warn",
    warning: "warn",
    error: "error",
    err: "error",
    fatal: "error",
    critical: "error",
    panic: "error",
  } satisfies Record<string, LogLevel>),
);

// Keys in order of trust: hclog's own, then what other loggers use.
const levelKeys = ["@level", "level"];
const messageKeys = ["@message", "msg", "message"];
const timeKeys = ["@timestamp", "time", "timestamp"];
const loggerKeys = ["@module", "name", "logger"];

const prefix = /^\[(TRACE|DEBUG|INFO|WARN|ERROR)\]\s*/;
const panicStart = /^(panic: |fatal error: )/;

/**
 * Reads the lines of one plugin's stderr. Keeps one bit: once a Go plugin panics, what follows are its stack traces, and untagged lines count
 * as errors.
 *
 * Tolerant where a Go host is not: any precision of time, levels by other names or pino's numbers, messages that are no text. Nothing a
 * plugin writes makes it throw.
 *
 * Source: hashicorp/go-plugin, client.go `logStderr`; hashicorp/go-hclog for the keys.
 */
export class LogLineParser {
  #isPanicking = false;

  parse(line: string): LogEntry {
    return parseJsonEntry(line) ?? this.#parseText(line);
  }

  #parseText(line: string): LogEntry {
    if (panicStart.test(line)) this.#isPanicking = true;
    const tag = prefix.exec(line);
    const level = levelByName.get(tag?.[1]?.toLowerCase()) ?? (this.#isPanicking ? "error" : "debug");
    return plainEntry(line.slice(tag?.[0].length ?? 0), level, "stderr");
  }
}

/** An entry for a line that is taken as it is. */
export function plainEntry(message: string, level: LogLevel, source: LogEntry["source"]): LogEntry {
  return { level, message, logger: "", time: undefined, fields: {}, source };
}

function parseJsonEntry(line: string): LogEntry | undefined {
  const entry = parseObject(line);
  if (entry === undefined) return undefined;
  const fields = new Map(Object.entries(entry));
  const message = takeFirst(fields, messageKeys);
  // An object without a message is not a log entry of a kind we know: shown whole.
  if (message === undefined) return plainEntry(line, parseLevel(takeFirst(fields, levelKeys)), "stderr");
  const logger = takeFirst(fields, loggerKeys);
  return {
    level: parseLevel(takeFirst(fields, levelKeys)),
    message: typeof message === "string" ? message : JSON.stringify(message),
    logger: typeof logger === "string" ? logger : "",
    time: parseTime(takeFirst(fields, timeKeys)),
    fields: Object.fromEntries(fields),
    source: "stderr",
  };
}

function parseObject(line: string): object | undefined {
  if (!line.trimStart().startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    // Broken JSON is shown as the text it is.
    return undefined;
  }
}

/** The value of the first key there is, which is removed. */
function takeFirst(fields: Map<string, unknown>, keys: readonly string[]): unknown {
  const key = keys.find((candidate) => fields.has(candidate));
  if (key === undefined) return undefined;
  const value = fields.get(key);
  fields.delete(key);
  return value;
}

function parseLevel(value: unknown): LogLevel {
  if (typeof value === "number") return pinoLevel(value);
  return levelByName.get(typeof value === "string" ? value.trim().toLowerCase() : value) ?? "debug";
}

/** pino: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal. */
function pinoLevel(value: number): LogLevel {
  if (value < 20) return "trace";
  if (value < 30) return "debug";
  if (value < 40) return "info";
  return value < 50 ? "warn" : "error";
}

function parseTime(value: unknown): Date | undefined {
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const time = new Date(value);
  return Number.isNaN(time.getTime()) ? undefined : time;
}
