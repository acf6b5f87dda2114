import type { Kind, Parsed } from "./kinds.ts";

/** The form of executors' names, as in `dkron-executor-NAME`. */
export const executorNameForm = /^[a-z0-9][a-z0-9_-]*$/;

export interface MapOptions {
  /** Between the items in an environment variable. */
  readonly separator: string;
  /** For every executor that is named: the word for all of them, if there is one. */
  readonly everyone?: string;
}

/** A value for each of some executors: a map in YAML, and `NAME=VALUE` in a repeated flag or one variable with a separator. */
export function perExecutor<T>(item: Kind<T>, { separator, everyone }: MapOptions): Kind<ReadonlyMap<string, T>> {
  const expects = `for each executor ${item.expects}`;
  return {
    expects,
    placeholder: `executor=${item.placeholder}`,
    separator,
    isMap: true,
    parse(input, context) {
      const pairs = pairsOf(input);
      if (pairs === undefined) return { problem: `must be NAME=VALUE, or in YAML a map: ${JSON.stringify(input)}` };
      const value = new Map<string, T>();
      for (const [name, given] of pairs) {
        if (!executorNameForm.test(name) && name !== everyone) {
          return {
            problem: `must name an executor${everyone === undefined ? "" : `, or all with ${everyone}`}: ${name}`,
          };
        }
        if (value.has(name)) return { problem: `names ${name} twice` };
        const parsed: Parsed<T> = item.parse(given, context);
        if ("problem" in parsed) return { ...parsed, problem: `of ${name} ${parsed.problem}` };
        value.set(name, parsed.value);
      }
      return { value };
    },
    format: (value) => [...value].map(([name, each]) => `${name}=${item.format(each)}`).join(separator),
  };
}

function pairsOf(input: unknown): readonly (readonly [string, unknown])[] | undefined {
  if (typeof input === "object" && input !== null && !Array.isArray(input)) return Object.entries(input);
  const texts = (Array.isArray(input) ? input : [input]) as readonly unknown[];
  const pairs = texts.map((text) => (typeof text === "string" ? /^([^=]+)=(.*)$/s.exec(text) : null));
  if (pairs.some((pair) => pair === null)) return undefined;
  return pairs.map((pair) => [pair?.[1] ?? "", pair?.[2] ?? ""]);
}

/** A sha256 sum; in lower case. */
export function sha256Sum(): Kind<string> {
  const expects = "a sha256 sum of 64 hexadecimal digits";
  return {
    expects,
    placeholder: "sha256",
    parse(input) {
      const digits = typeof input === "string" ? input.replace(/^sha256:/, "").toLowerCase() : "";
      if (/^[0-9a-f]{64}$/.test(digits)) return { value: digits };
      const hint =
        typeof input === "number" ? "put it in quotes" : "`executor-host executors --pins` prints what to write";
      return { problem: `must be ${expects}: ${typeof input === "string" ? input : JSON.stringify(input)}`, hint };
    },
    format: String,
  };
}
