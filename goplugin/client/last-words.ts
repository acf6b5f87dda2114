import { LogLineParser } from "./log-entry.ts";

const mostLines = 12;

/**
 * The end of a plugin's stderr for a person: log entries as `level: message`, everything else as it is.
 *
 * @returns empty when there is nothing to show
 */
export function lastWords(stderrTail: string): string {
  const parser = new LogLineParser();
  const lines = stderrTail.split(/\r?\n/).filter((line) => line.trim() !== "");
  const shown = lines.slice(-mostLines).map((line) => {
    const { level, message } = parser.parse(line);
    return message === line ? line : `${level}: ${message}`;
  });
  return shown.join("\n");
}
