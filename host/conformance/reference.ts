import { groups } from "./checks.ts";
import { needsText } from "./needs.ts";
import { timeouts } from "./timeouts.ts";

const introduction = `# Conformance of executors

\`executor-host conformance PATH\` starts an executor, in whatever language it is written, and tries whether it keeps the contract: the native
one ([executor.proto](../proto/executor/v1/executor.proto)), Dkron's, or both.

\`\`\`sh
executor-host conformance ./dkron-executor-shell \\
  --config command='echo hello' \\
  --long-config command='sleep 600' \\
  --flood-config command='head -c 20000000 /dev/zero'
\`\`\`

- \`--config key=value\`, once for every key, or \`--config-file FILE\`: a config that succeeds quickly and harmlessly. It is run some hundred times.
  Without it, one is made of the defaults and examples of the executor's schema, if they suffice; what they do is then really done.
- \`--long-config\`: a config that runs, in silence, until it is stopped. Without it, stopping is not tried.
- \`--flood-config\`: a config that writes some twenty megabytes and succeeds. Without it, slow readers are not tried.
- \`--heartbeat-config\`: a config whose work gives signs of life of its own until it is stopped. Without it, the capability \`heartbeat\` is not tried.
- \`--only ID\`: one check, or one group of checks, such as \`describe.name\` or \`describe\`.
- \`--timeout DURATION\`: the longest wait for a start, an answer or an end; ${timeouts.stepMs / 1000} seconds by default.
- \`--json\`: one object with everything, for programs.

The exit code is 0 when nothing failed, else 1; a warning (\`!\`) is no failure, and what was skipped (\`–\`) says what it needs. Where one failure
makes other checks pointless, they are skipped and name it. The executor gets the environment a host would give it, and an empty working
directory. Nothing that was started is left behind.

What plugins made with an older go-plugin cannot know, such as ending with their host, is a warning for executors of Dkron's contract alone.
Passing does not mean that the work is done right: that is for the executor's own tests.
`;

/** The page about the kit, in Markdown. */
export function renderConformanceReference(): string {
  const rows = groups.flatMap(({ title, checks }) => [
    `| **${title}** | | |`,
    ...checks.map(({ id, title: promise, why, needs }) => `| \`${id}\` | ${promise}. *${why}* | ${needsText(needs)} |`),
  ]);
  const head = ["| Check | What an executor does, and what for | Needs |", "| --- | --- | --- |"];
  return `${introduction}\n## The checks\n\n${[...head, ...rows].join("\n")}\n`;
}
