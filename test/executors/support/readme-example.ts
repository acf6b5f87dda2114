import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../../../scripts/lib/root.ts";
import { TempDir } from "../../support/temp-dir.ts";

const run = promisify(execFile);

/** Run the README's command for an executor, as it stands there. @returns what it prints @throws when it fails */
export async function runReadmeExample(executor: string): Promise<string> {
  const lines = readFileSync(join(root, "README.md"), "utf8").replaceAll("\\\n", "").split("\n");
  const helper = lines.find((line) => line.startsWith("at() "));
  const command = lines.find((line) => line.startsWith(`executor-host run ${executor} `) && line.includes("$(at "));
  if (helper === undefined || command === undefined) throw new Error(`the README has no example of ${executor}`);
  await using home = await TempDir.create();
  const env = { PATH: `${join(root, "dist/bin")}:${process.env["PATH"]}`, HOME: home.path, XDG_RUNTIME_DIR: home.path };
  const { stdout } = await run("bash", ["-c", `${helper}\n${command}`], { cwd: root, env });
  return stdout;
}
