import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { commands } from "../../host/cli/commands.ts";
import { runCli } from "../../host/cli/fixtures/run-cli.ts";
import { guard } from "../support/guard.ts";
import { TempDir } from "../support/temp-dir.ts";

const plugins = join(import.meta.dirname, "../../dist/plugins");

/** Every example that the help gives, as the words a shell makes of it; those with files of their own are left out. */
async function examples(command: string): Promise<string[][]> {
  const { stdout } = await runCli([command, "--help"]);
  const lines = [...stdout.matchAll(/^ {2}\$ executor-host (.*)$/gm)].map(([, words = ""]) => words);
  return lines
    .filter((line) => !/[<>|]|\$\(|\.json/.test(line))
    .map((line) =>
      execFileSync("sh", ["-c", `printf '%s\\0' ${line}`], { encoding: "utf8" })
        .split("\0")
        .slice(0, -1),
    );
}

test("every example of a job in the help is a job that would be accepted", guard, async () => {
  await using dir = await TempDir.create();
  const env = {
    EXECUTOR_HOST_PLUGINS_DIRS: plugins,
    EXECUTOR_HOST_RUNTIME_DIR: dir.join("run"),
    EXECUTOR_HOST_STATE_DIR: dir.join("state"),
  };
  const takesJobs = commands.filter(({ takesTrailing, hidden }) => takesTrailing === true && hidden !== true);
  assert.deepEqual(
    takesJobs.map(({ name }) => name),
    ["run", "submit", "validate", "probe"],
  );
  for (const { name } of takesJobs) {
    for (const [, executor = "", ...words] of await examples(name)) {
      const option = words.findIndex((word) => word.startsWith("--") && word !== "--");
      const job = option < 0 ? words : words.slice(0, option);
      const { code, stderr } = await runCli(["validate", executor, ...job], { env });
      assert.deepEqual([code, stderr], [0, ""], `${name} ${executor} ${job.join(" ")}`);
    }
  }
});
