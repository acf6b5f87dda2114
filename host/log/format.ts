import { styler } from "./style.ts";
import { escapeControls } from "./escape.ts";
import type { LogLevel } from "./level.ts";
import type { Plain } from "./plain.ts";

export interface LogLine {
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, Plain>>;
}

/** One JSON object in one line: `time`, `level`, `message`, then the fields. A field with one of these names gets a `_` in front. */
export function formatJsonLine({ timeMs, level, message, fields }: LogLine): string {
  const line: Record<string, Plain> = { time: new Date(timeMs).toISOString(), level, message };
  for (const [key, value] of Object.entries(fields)) line[key in line ? `_${key}` : key] = value;
  return `${escapeControls(JSON.stringify(line))}\n`;
}

const levelColor = { debug: "dim", info: "cyan", warn: "yellow", error: "red" } as const;

/** `2026-11-21T06:48:12.123Z INFO  message key=value`, values quoted where they must be. */
export function formatTextLine({ timeMs, level, message, fields }: LogLine, color: boolean): string {
  const style = styler(color);
  const time = style("dim", new Date(timeMs).toISOString());
  const name = style(levelColor[level], level.toUpperCase().padEnd(5));
  const pairs = flatten(fields).map(([key, value]) => ` ${style("dim", `${escapeControls(key)}=`)}${word(value)}`);
  return `${time} ${name} ${escapeControls(message)}${pairs.join("")}\n`;
}

/** Nested objects become `outer.inner`; stacks are left to JSON. */
function flatten(fields: Readonly<Record<string, Plain>>, prefix = ""): [string, Plain][] {
  return Object.entries(fields).flatMap(([key, value]): [string, Plain][] => {
    if (key === "stack") return [];
    const name = prefix + key;
    const isGroup = typeof value === "object" && value !== null && !Array.isArray(value);
    return isGroup ? flatten(value as Readonly<Record<string, Plain>>, `${name}.`) : [[name, value]];
  });
}

function word(value: Plain): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const isPlain = typeof value !== "string" || /^[^\s"=\\\p{Cc}]+$/u.test(value);
  return escapeControls(isPlain ? text : JSON.stringify(text));
}
