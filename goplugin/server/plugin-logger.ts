import { logLevels, type LogLevel } from "../protocol/log-level.ts";

export type LogFields = Readonly<Record<string, unknown>>;

/** Log of a plugin: one JSON object per line on stderr, as go-plugin hosts read it. */
export interface PluginLogger {
  log(level: LogLevel, message: string, fields?: LogFields): void;
  trace(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to every entry. */
  with(fields: LogFields): PluginLogger;
}

export interface PluginLoggerOptions {
  /** Shown as `@module`; usually the plugin's name. */
  readonly name: string;
  /** The lowest level that is written, default `trace`: what is shown is the host's decision. */
  readonly level?: LogLevel;
  /** Takes one line with its line feed, default the real stderr of this process. */
  readonly write?: (line: string) => void;
}

/**
 * Create a logger that writes hclog's JSON.
 *
 * Source: hashicorp/go-hclog, its JSON keys and time format.
 */
export function createLogger(options: PluginLoggerOptions): PluginLogger {
  // Bound now: once the plugin serves, `process.stderr.write` leads to the host's stdio stream.
  const write = options.write ?? process.stderr.write.bind(process.stderr);
  const lowest = logLevels.indexOf(options.level ?? "trace");
  const withFields = (common: LogFields): PluginLogger => {
    const log = (level: LogLevel, message: string, fields?: LogFields): void => {
      if (logLevels.indexOf(level) >= lowest)
        write(formatLogLine(options.name, level, message, { ...common, ...fields }));
    };
    return {
      log,
      trace: (message, fields) => log("trace", message, fields),
      debug: (message, fields) => log("debug", message, fields),
      info: (message, fields) => log("info", message, fields),
      warn: (message, fields) => log("warn", message, fields),
      error: (message, fields) => log("error", message, fields),
      with: (fields) => withFields({ ...common, ...fields }),
    };
  };
  return withFields({});
}

/** One entry as hclog's JSON with a line feed. Never throws: what JSON cannot hold becomes text. */
export function formatLogLine(name: string, level: LogLevel, message: string, fields: LogFields): string {
  const entry = { "@level": level, "@message": message, "@module": name, "@timestamp": timestamp(new Date()) };
  try {
    return `${JSON.stringify({ ...fields, ...entry }, replaceUnwritable)}\n`;
  } catch {
    // A cycle or a throwing toJSON must not silence the message itself.
    const texts = Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, String(value)]));
    return `${JSON.stringify({ ...texts, ...entry })}\n`;
  }
}

/** Go hosts parse exactly six fractional digits; an entry with JavaScript's three would lose its level. */
function timestamp(date: Date): string {
  return date.toISOString().replace("Z", "000Z");
}

function replaceUnwritable(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Error) return value.message;
  return value;
}
