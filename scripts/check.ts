/**
 * Checks everything that can be judged without running it. Each step says in one line how it went; all of them run, also after a failure.
 */
import { spawnSync } from "node:child_process";
import { delimiter, join } from "node:path";
import { styleText } from "node:util";
import { findViolations } from "./lib/boundaries.ts";
import { root } from "./lib/root.ts";

interface Outcome {
  readonly isOk: boolean;
  readonly output: string;
}

// In this order: the first may rewrite what the others read.
const steps: readonly (readonly [name: string, judge: () => Outcome])[] = [
  ["generated code", tool("scripts/generate", "--check")],
  ["format", tool("oxfmt", "--list-different", ".")],
  ["lint", tool("oxlint")],
  ["types", tool("tsc", "--project", ".")],
  ["dead code", tool("knip", "--no-progress")],
  ["boundaries", boundaries],
];

process.env["PATH"] = `${join(root, "node_modules/.bin")}${delimiter}${process.env["PATH"] ?? ""}`;
for (const [name, judge] of steps) {
  const startedMs = performance.now();
  const { isOk, output } = judge();
  const elapsedS = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.log(`${isOk ? paint("green", "ok  ") : paint("red", "FAIL")} ${name} ${paint("dim", `(${elapsedS} s)`)}`);
  if (isOk) continue;
  console.log(output.trim().replace(/^/gm, "     "));
  process.exitCode = 1;
}

function tool(command: string, ...args: readonly string[]): () => Outcome {
  return () => {
    const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: "utf8" });
    return { isOk: status === 0, output: `${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}` };
  };
}

function boundaries(): Outcome {
  const violations = findViolations(root);
  return { isOk: violations.length === 0, output: violations.join("\n") };
}

/** Plain where colours are unwanted: NO_COLOR, or no terminal. */
function paint(format: Parameters<typeof styleText>[0], text: string): string {
  return styleText(format, text, { stream: process.stdout });
}
