import type { Executor } from "../client/types.ts";
import { escapeControls } from "../log/escape.ts";
import type { Styler } from "../log/style.ts";
import type { ConfigKey } from "./config-keys.ts";
import { capabilitiesText, isolationText } from "./text.ts";

/** An executor and its keys as text for a terminal. */
export function renderText(executor: Executor, keys: readonly ConfigKey[], columns: number, style: Styler): string {
  const { name, version, summary, path, capabilities, protocolVersion, isolation, pinnedSha256 } = executor;
  const title = [style("bold", escapeControls(name)), escapeControls(version)].filter((word) => word !== "").join(" ");
  const lines = [
    `${title}${summary === "" ? "" : `: ${escapeControls(summary)}`}`,
    `  path  ${escapeControls(path)}`,
    `  can   ${capabilitiesText(capabilities, protocolVersion)}`,
    ...(isolation.length === 0 ? [] : [`  held  ${escapeControls(isolationText(isolation))}`]),
    ...(pinnedSha256 === "" ? [] : [`  pin   sha256 ${pinnedSha256}`]),
    "",
  ];
  if (keys.length === 0) lines.push("It publishes no keys: see its own documentation.");
  else lines.push(style("bold", "Config keys:"));
  for (const key of keys) {
    const traits = traitsOf(key);
    lines.push("", `  ${style("cyan", escapeControls(key.name))}  ${style("dim", escapeControls(traits))}`);
    lines.push(...wrapped(escapeControls(key.summary), "    ", columns));
    for (const example of key.examples) lines.push(`    ${style("dim", "for instance")} ${escapeControls(example)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** The same as Markdown, for documentation. */
export function renderMarkdown(executor: Executor, keys: readonly ConfigKey[]): string {
  const { name, version, summary, capabilities, protocolVersion } = executor;
  const lines = [`# ${name}`, ""];
  if (summary !== "") lines.push(`${summary}.`.replace(/\.\.$/, "."), "");
  lines.push(`Version ${version || "unknown"}. Can: ${capabilitiesText(capabilities, protocolVersion)}.`, "");
  if (keys.length === 0) return `${lines.join("\n")}It publishes no keys.\n`;
  lines.push("| Key | Value | Meaning |", "| --- | --- | --- |");
  for (const key of keys) {
    const examples = key.examples.map((example) => `\`${example}\``).join(", ");
    const meaning = `${key.summary}${examples === "" ? "" : ` Example: ${examples}`}`;
    lines.push(`| \`${key.name}\` | ${cell(traitsOf(key))} | ${cell(meaning)} |`);
  }
  return `${lines.join("\n")}\n`;
}

function traitsOf({ type, isRequired, default: fallback, isSecret, isDeprecated }: ConfigKey): string {
  return [
    type,
    isRequired ? "required" : "",
    fallback === undefined ? "" : `default ${fallback === "" ? "empty" : fallback}`,
    isSecret ? "secret" : "",
    isDeprecated ? "deprecated" : "",
  ]
    .filter((trait) => trait !== "")
    .join(", ");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll(/\s*\n\s*/g, " ");
}

function wrapped(text: string, indent: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent.length + line.length + 1 + word.length > columns) {
      lines.push(indent + line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return line === "" ? lines : [...lines, indent + line];
}
