import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";

/** Where and of what the numbers were taken. */
export function machineFacts(root: string): string {
  const [cpu] = cpus();
  const system = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? process.platform;
  return [
    `- ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC, commit ${commit(root)}`,
    `- ${cpus().length} × ${cpu?.model.trim()}, ${Math.round(totalmem() / 1e9)} GB, ${system}, Linux ${release()}, Node ${process.versions.node}`,
    "- clients, host, executors and jobs share these CPUs",
  ].join("\n");
}

function commit(root: string): string {
  const git = (...args: string[]): string => execFileSync("git", ["-C", root, ...args], { encoding: "utf8" }).trim();
  try {
    const changes = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/results.md");
    return `${git("rev-parse", "--short", "HEAD")}${changes === "" ? "" : " with changes that are not committed"}`;
  } catch {
    return "unknown";
  }
}
