import { otherVariables } from "./load.ts";
import { surroundings } from "./surroundings.ts";
import { flagOf, settingRows, variableOf, type AnySettingRow } from "./table.ts";

/** The reference of all settings as Markdown, from the table that reads and checks them. */
export function renderSettingsReference(): string {
  const rows = settingRows.map((row) => {
    const more = row.details === undefined ? "" : `. ${row.details}`;
    return `| \`${row.key}\` | ${cell(`${row.summary}${more}`)} | ${cell(row.kind.expects)} | ${cell(defaultOf(row))} | \`${flagOf(row)}\` | \`${variableOf(row)}\` |`;
  });
  return [
    "# Settings",
    "",
    "No setting is needed to start. What a flag says wins over the environment, which wins over the file, which wins over the default.",
    "`executor-host doctor` prints what is in force and where each value came from.",
    "",
    `The file is YAML: the one given with \`--config\` or \`${otherVariables.config}\`, else \`~/.config/executor-host/config.yaml\`, else`,
    "`/etc/executor-host/config.yaml`. Relative paths in it start at its own folder. Unknown keys are errors.",
    "",
    "```yaml",
    "plugins-dirs: [/opt/executors]",
    "max-concurrent-executions: 64",
    "limits:",
    "  attempt-timeout: 30m",
    "max-output-bytes: 64MiB",
    "```",
    "",
    "In the environment, the items of a list are separated by `:` (plugins-dirs), `;` (executor-isolation) or `,` (the others). An empty variable counts as not set.",
    "Durations: `500ms`, `30s`, `1h30m`, `7d`. Sizes: `4096`, `64KB`, `10GiB`; all units are powers of 1024.",
    "",
    "| Key | Meaning | Value | Default | Flag | Variable |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
    "Three variables are no settings of a host:",
    "",
    "| Variable | Meaning |",
    "| --- | --- |",
    `| \`${otherVariables.config}\` | The settings file |`,
    `| \`${otherVariables.address}\` | Which host commands talk to: \`unix:/path/to.sock\` or \`tcp:HOST:PORT\`; \`--host\` wins. Default: the first unix socket of \`listen\`, else the first address |`,
    `| \`${otherVariables.debug}\` | When set, commands show the stack of an error |`,
    "",
    "A setting that is wrong, in whichever place, is an error with the exit code 78 that names setting, value and place. A variable that looks like a",
    "misspelt setting is a warning.",
    "",
  ].join("\n");
}

/** The default in words, for help and documentation. */
export function defaultOf(row: AnySettingRow): string {
  if (row.defaultText !== undefined) return row.defaultText;
  const anywhere = surroundings("/", {}, { isRoot: true, homeDir: "/", workingDir: "/" });
  return row.kind.format(row.default(anywhere, {}));
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
