import { choice, custom, defineConfig, FieldError, integer, type ConfigOf, type Violation } from "@executor-host/sdk";

/** The digests there are, with their length in hexadecimal digits. */
const digits = { md5: 32, sha1: 40, sha256: 64, sha512: 128 } as const;
const algorithms = ["md5", "sha1", "sha256", "sha512"] as const satisfies readonly (keyof typeof digits)[];

/** The keys that a job may set. What hosts and people learn of them comes from here too. */
export const config = defineConfig({
  path: custom<readonly string[]>({
    summary: "The files to read: absolute paths, one per line.",
    required: true,
    schema: { type: "string", minLength: 1 },
    parse: parsePaths,
  }),
  algorithm: choice({
    summary: "How to make the digests.",
    values: algorithms,
    default: "sha256",
  }),
  expect: custom({
    summary: "The digest that the file must have, in hexadecimal digits. Only with one path.",
    schema: { type: "string" },
    parse: (text) => text.toLowerCase(),
  }),
  maxBytesPerSecond: integer({
    summary: "How fast to read at most. Without it, as fast as it goes.",
    minimum: 1,
    examples: ["10000000"],
  }),
});
export type Config = ConfigOf<typeof config>;

/** What no key by itself can tell. */
export function checkConfig({ path, algorithm, expect }: Config): readonly Violation[] {
  const violations: Violation[] = [];
  if (expect === undefined) return violations;
  if (!/^[0-9a-f]*$/.test(expect) || expect.length !== digits[algorithm]) {
    const message = `${JSON.stringify(expect.slice(0, longestShown))} is not a ${algorithm} digest`;
    violations.push({ field: "expect", message, hint: `write ${digits[algorithm]} hexadecimal digits` });
  }
  if (path.length > 1) {
    const hint = "leave it out, or run one job per file";
    violations.push({ field: "expect", message: `goes with one path, not ${path.length}`, hint });
  }
  return violations;
}

function parsePaths(text: string): readonly string[] {
  const paths = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  if (paths.length === 0) throw new FieldError("is required", "write one absolute path per line");
  const relative = paths.find((path) => !path.startsWith("/"));
  if (relative === undefined) return paths;
  throw new FieldError(`${JSON.stringify(relative.slice(0, longestShown))} is not an absolute path`, "start it with /");
}

const longestShown = 100;
