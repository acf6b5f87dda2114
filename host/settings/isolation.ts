import { didYouMean } from "@executor-host/proto/shared/nearest";
import { boolean, bytes, directory, integer, list, type Kind, type Parsed } from "./kinds.ts";

/** What the processes of an executor are kept from. What is undefined is not asked for. */
export interface IsolationSettings {
  /** Name or number. */
  readonly user?: string | undefined;
  /** Name or number; default that of the user. */
  readonly group?: string | undefined;
  readonly noNewPrivileges?: boolean | undefined;
  /** For the process and everything it starts, jobs included; so are the next two. */
  readonly memoryBytes?: number | undefined;
  /** CPUs' worth of time: 0.5, 2. */
  readonly cpus?: number | undefined;
  readonly pids?: number | undefined;
  readonly readOnly?: boolean | undefined;
  /** Directories that stay writable with `readOnly`, and visible with `privateTmp`. */
  readonly writable?: readonly string[] | undefined;
  readonly privateTmp?: boolean | undefined;
  readonly privatePids?: boolean | undefined;
}

interface Level<T> {
  /** As in the settings. */
  readonly name: string;
  readonly kind: Kind<T>;
}

type Levels = {
  readonly [P in keyof IsolationSettings]-?: Level<NonNullable<IsolationSettings[P]>>;
};

/** All levels, in the order in which they are told. */
const table: Levels = {
  user: { name: "user", kind: account("user") },
  group: { name: "group", kind: account("group") },
  noNewPrivileges: { name: "no-new-privileges", kind: boolean() },
  memoryBytes: { name: "memory", kind: bytes(1024 ** 2) },
  cpus: { name: "cpus", kind: cpuShare() },
  pids: { name: "pids", kind: integer(1) },
  readOnly: { name: "read-only", kind: boolean() },
  writable: { name: "writable", kind: list(directory(), ":") },
  privateTmp: { name: "private-tmp", kind: boolean() },
  privatePids: { name: "private-pids", kind: boolean() },
};

const rows = Object.entries(table).map(([property, level]) => ({
  property: property as keyof IsolationSettings,
  ...(level as Level<unknown>),
}));

/** The isolation of one executor: a map in YAML, and `user=nobody,memory=512MiB,read-only` as text. `none` and `false` take a level away. */
export function isolation(): Kind<IsolationSettings> {
  return {
    expects: `some of ${rows.map(({ name }) => name).join(", ")}`,
    placeholder: "levels",
    parse(input, context) {
      const given = pairsOf(input);
      if (given === undefined)
        return { problem: `must be LEVEL=VALUE,..., or in YAML a map: ${JSON.stringify(input)}` };
      const value: Record<string, unknown> = {};
      for (const [name, text] of given) {
        const row = rows.find((each) => each.name === name);
        if (row === undefined) {
          const names = rows.map((each) => each.name);
          return { problem: `has no level ${name}`, hint: didYouMean(name, names) || `there are ${names.join(", ")}` };
        }
        if (text === "none" || text === null) {
          value[row.property] = undefined;
          continue;
        }
        const parsed: Parsed<unknown> = row.kind.parse(split(text, row.kind.separator), context);
        if ("problem" in parsed) return { ...parsed, problem: `level ${name} ${parsed.problem}` };
        value[row.property] = parsed.value === false ? undefined : parsed.value;
      }
      return { value };
    },
    format: (value) =>
      levelTexts(value)
        .map(([name, text]) => (text === "true" ? name : `${name}=${text}`))
        .join(","),
  };
}

/** The levels that are asked for, each with its value as one would write it. */
export function levelTexts(value: IsolationSettings): readonly (readonly [name: string, text: string])[] {
  return rows.flatMap(({ property, name, kind }) => {
    const level = value[property];
    return level === undefined ? [] : [[name, kind.format(level)] as const];
  });
}

function pairsOf(input: unknown): readonly (readonly [string, unknown])[] | undefined {
  if (typeof input === "object" && input !== null && !Array.isArray(input)) return Object.entries(input);
  if (typeof input !== "string" || input === "") return undefined;
  return input.split(",").map((part) => {
    const [, name = "", text] = /^([^=]*)(?:=(.*))?$/s.exec(part) ?? [];
    // A switch is thrown by its name alone.
    return [name, text ?? true];
  });
}

function split(text: unknown, separator: string | undefined): unknown {
  return typeof text === "string" && separator !== undefined ? text.split(separator) : text;
}

function account(what: "user" | "group"): Kind<string> {
  const expects = `the name or number of a ${what}`;
  return {
    expects,
    placeholder: what,
    parse: (input) =>
      (typeof input === "string" || typeof input === "number") && /^(\d+|[A-Za-z_][\w.-]*\$?)$/.test(String(input))
        ? { value: String(input) }
        : { problem: `must be ${expects}: ${JSON.stringify(input)}` },
    format: String,
  };
}

function cpuShare(): Kind<number> {
  const expects = "a number of CPUs such as 0.5 or 2, at least 0.01";
  return {
    expects,
    placeholder: "number",
    parse(input) {
      const value = typeof input === "string" && /^\d+(\.\d+)?$/.test(input) ? Number(input) : input;
      const fits = typeof value === "number" && value >= 0.01 && value <= 10_000;
      return fits ? { value } : { problem: `must be ${expects}: ${JSON.stringify(input)}` };
    },
    format: String,
  };
}
