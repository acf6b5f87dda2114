import type { Writable } from "node:stream";
import { plainFields, type Fields } from "./plain.ts";
import { formatJsonLine, formatTextLine } from "./format.ts";
import { logLevels, type LogLevel } from "./level.ts";

export type { LogLevel };

/** Writes structured lines. Never throws, whatever the fields are. */
export interface Logger {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** A logger that adds these fields to each of its lines. */
  child(fields: Fields): Logger;
}

export interface LoggerOptions {
  /** Where the lines go. The owner of the stream handles its errors. */
  readonly stream: Writable;
  /** Least severe level to write. */
  readonly level: LogLevel;
  readonly format: "text" | "json";
  /** Colour text lines. Default false. */
  readonly color?: boolean;
  /** Milliseconds since the epoch. Default: the system's clock. */
  readonly now?: () => number;
}

/**
 * Make a logger.
 *
 * Values are written so that they cannot break a line or control a terminal. Errors become code, message, hint and cause; a stack is
 * written only as JSON, and only for errors that are not ours.
 */
export function createLogger(options: LoggerOptions): Logger {
  return loggerWith(options, {});
}

function loggerWith(options: LoggerOptions, bound: Fields): Logger {
  const { stream, level: least, format, color = false, now = Date.now } = options;
  const write = (level: LogLevel, message: string, fields: Fields = {}): void => {
    if (logLevels.indexOf(level) < logLevels.indexOf(least) || !stream.writable) return;
    const line = { timeMs: now(), level, message, fields: plainFields({ ...bound, ...fields }) };
    stream.write(format === "json" ? formatJsonLine(line) : formatTextLine(line, color));
  };
  return {
    debug: (message, fields) => write("debug", message, fields),
    info: (message, fields) => write("info", message, fields),
    warn: (message, fields) => write("warn", message, fields),
    error: (message, fields) => write("error", message, fields),
    child: (fields) => loggerWith(options, { ...bound, ...fields }),
  };
}
