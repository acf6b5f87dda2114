import { isAbsolute, join, normalize, resolve } from "node:path";
import type { ErrorCode } from "@executor-host/proto/shared/error";
import { formatAddress, isLocal, maxSocketPathBytes, parseAddress } from "./address.ts";
import { formatExactBytes, parseBytes } from "./bytes.ts";
import { formatDuration, parseDuration } from "./duration.ts";

/** What reading a value gave: the value, or what is wrong with the input. */
export type Parsed<T> =
  | { readonly value: T }
  | { readonly problem: string; readonly hint?: string | undefined; readonly code?: ErrorCode | undefined };

/** What a value's text is relative to. */
export interface ParseContext {
  /** Relative paths start here: the folder of the settings file, or the working directory. */
  readonly baseDir: string;
  /** What `~/` stands for. */
  readonly homeDir: string;
}

/** A kind of value: how it is read from YAML, the environment and flags, and how it is written. */
export interface Kind<T> {
  /** For people: `a duration such as 30s or 5m`. */
  readonly expects: string;
  /** In help texts: `duration`. Empty for a switch. */
  readonly placeholder: string;
  /** For lists: what stands between the items in an environment variable. */
  readonly separator?: string;
  /** In YAML a map, which is read as a whole. */
  readonly isMap?: boolean;
  /** The closed set of values, if there is one. */
  readonly choices?: readonly string[];
  /** @param input text from a flag or the environment, or what YAML made of it */
  parse(input: unknown, context: ParseContext): Parsed<T>;
  format(value: T): string;
}

/** A span of time in milliseconds. */
export function duration(minMs = 0): Kind<number> {
  const expects = "a duration such as 30s, 5m or 1h30m";
  return {
    expects,
    placeholder: "duration",
    parse(input) {
      const value = input === 0 ? 0 : typeof input === "string" ? parseDuration(input) : undefined;
      if (value === undefined) {
        const hint = typeof input === "number" ? `give the unit: ${input}s or ${input}ms` : undefined;
        return { problem: `must be ${expects}: ${show(input)}`, hint };
      }
      return value < minMs ? { problem: `must be at least ${formatDuration(minMs)}: ${show(input)}` } : { value };
    },
    format: formatDuration,
  };
}

/** A time limit in milliseconds; `none` or 0 for no limit. */
export function optionalDuration(): Kind<number | undefined> {
  const base = duration();
  return {
    expects: `${base.expects}, or none`,
    placeholder: base.placeholder,
    parse(input, context) {
      if (input === "none" || input === null) return { value: undefined };
      const parsed = base.parse(input, context);
      return "value" in parsed && parsed.value === 0 ? { value: undefined } : parsed;
    },
    format: (value) => (value === undefined ? "none" : formatDuration(value)),
  };
}

/** A size in bytes. */
export function bytes(minBytes = 1): Kind<number> {
  const expects = "a size such as 64KB, 256MB or 10GiB";
  return {
    expects,
    placeholder: "size",
    parse(input) {
      const value = typeof input === "string" || typeof input === "number" ? parseBytes(String(input)) : undefined;
      if (value === undefined) return { problem: `must be ${expects}: ${show(input)}` };
      return value < minBytes
        ? { problem: `must be at least ${formatExactBytes(minBytes)}: ${show(input)}` }
        : { value };
    },
    format: formatExactBytes,
  };
}

/** A whole number. */
export function integer(min: number, max = 1_000_000): Kind<number> {
  const expects = `a whole number from ${min} to ${max}`;
  return {
    expects,
    placeholder: "number",
    parse(input) {
      const value = typeof input === "string" && /^\d+$/.test(input) ? Number(input) : input;
      const fits = typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
      return fits ? { value } : { problem: `must be ${expects}: ${show(input)}` };
    },
    format: String,
  };
}

/** On or off. */
export function boolean(): Kind<boolean> {
  const words: Readonly<Record<string, boolean>> = { true: true, 1: true, false: false, 0: false };
  return {
    expects: "true or false",
    placeholder: "",
    parse(input) {
      const value = typeof input === "boolean" ? input : words[String(input)];
      return value === undefined ? { problem: `must be true or false: ${show(input)}` } : { value };
    },
    format: String,
  };
}

/** One of a closed set of words. */
export function choice<const T extends string>(choices: readonly T[]): Kind<T> {
  const expects = `one of ${choices.join(", ")}`;
  return {
    expects,
    placeholder: choices.join("|"),
    choices,
    parse(input) {
      const value = choices.find((word) => word === input);
      return value === undefined ? { problem: `must be ${expects}: ${show(input)}` } : { value };
    },
    format: String,
  };
}

/** A directory; made absolute. */
export function directory(): Kind<string> {
  const expects = "the path of a directory";
  return {
    expects,
    placeholder: "dir",
    parse(input, { baseDir, homeDir }) {
      if (typeof input !== "string" || input === "" || input.includes("\0")) {
        return { problem: `must be ${expects}: ${show(input)}` };
      }
      const home = input === "~" || input.startsWith("~/");
      const path = home ? join(homeDir, input.slice(1)) : resolve(baseDir, input);
      return isAbsolute(path)
        ? { value: normalize(path).replace(/(?<=.)\/$/, "") }
        : { problem: `must be absolute: ${path}` };
    },
    format: String,
  };
}

/** Where to listen. Only what this machine alone can reach. */
export function localAddress(): Kind<string> {
  const expects = "unix:/path/to.sock, tcp:127.0.0.1:PORT or tcp:[::1]:PORT";
  return {
    expects,
    placeholder: "address",
    parse(input) {
      const address = typeof input === "string" ? parseAddress(input) : undefined;
      if (address === undefined) return { problem: `must be ${expects}: ${show(input)}` };
      if (!isLocal(address)) {
        return {
          problem: `may not be reachable from other machines: ${show(input)}`,
          hint: "without TLS and a client identity anybody could run jobs here; listen on loopback and put a tunnel in front of it",
          code: "LISTEN_REFUSED",
        };
      }
      if (address.kind === "unix" && Buffer.byteLength(address.path) > maxSocketPathBytes) {
        return {
          problem: `is too long for a unix socket (at most ${maxSocketPathBytes} bytes): ${show(input)}`,
          hint: "choose a shorter runtime-dir",
        };
      }
      return { value: formatAddress(address) };
    },
    format: String,
  };
}

/** The name of an environment variable; `*` stands for any characters. */
export function variableName(): Kind<string> {
  const expects = "the name of an environment variable such as PATH or LC_*";
  return {
    expects,
    placeholder: "name",
    parse: (input) =>
      typeof input === "string" && /^[A-Za-z_*][A-Za-z0-9_*]*$/.test(input)
        ? { value: input }
        : { problem: `must be ${expects}: ${show(input)}` },
    format: String,
  };
}

/** Several values of one kind: a list in YAML, a repeated flag, or one variable with a separator. */
export function list<T>(item: Kind<T>, separator: string): Kind<readonly T[]> {
  return {
    expects: `a list, each item ${item.expects}`,
    placeholder: item.placeholder,
    separator,
    parse(input, context) {
      const value: T[] = [];
      for (const entry of Array.isArray(input) ? (input as readonly unknown[]) : [input]) {
        const parsed = item.parse(entry, context);
        if ("problem" in parsed) return parsed;
        value.push(parsed.value);
      }
      return { value };
    },
    format: (value) => value.map((entry) => item.format(entry)).join(separator),
  };
}

function show(input: unknown): string {
  if (input === undefined || input === "") return "nothing";
  return typeof input === "string" ? input : JSON.stringify(input);
}
