import type { Command } from "commander";
import { complete } from "../complete.ts";
import type { CliContext } from "../context.ts";
import { timeouts } from "../timeouts.ts";

export function define(command: Command, context: CliContext): void {
  command.action(async () => {
    const limited = { ...context, signal: AbortSignal.any([context.signal, AbortSignal.timeout(timeouts.completeMs)]) };
    try {
      const candidates = await complete(context.trailing ?? [], limited);
      const lines = candidates.map(({ value, meaning }) => `${value}\t${firstSentence(meaning)}\n`);
      await context.stdout.write(lines.join(""));
    } catch {
      // Whoever presses a key for a suggestion does not want to hear why there is none.
    }
  });
}

const longestMeaning = 80;

function firstSentence(text: string): string {
  const [first = ""] = text.replaceAll(/\s+/g, " ").split(/\.(?: |$)/);
  return first.length <= longestMeaning ? first : `${first.slice(0, longestMeaning - 3)}...`;
}
