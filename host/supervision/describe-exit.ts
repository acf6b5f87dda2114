import type { PluginExit } from "@executor-host/goplugin/client";

/** What a shell says of a child that was ended so. */
const codeOfSigkill = 137;

const lastWords = 5;

/** A wrapper tells of the signal by a code. */
export function isKilled({ signal, code }: PluginExit): boolean {
  return signal === "SIGKILL" || code === codeOfSigkill;
}

/** One line about an end nobody asked for. */
export function describeExit(exit: PluginExit): string {
  const how = exit.signal === null ? `exited with code ${exit.code}` : `was ended by ${exit.signal}`;
  const tail = exit.stderrTail.trim();
  return tail === "" ? how : `${how}; its last words: ${lastLines(tail)}`;
}

/** Go says why it panics first, and then where at length. */
function lastLines(text: string): string {
  const lines = text.split("\n");
  const panic = lines.findIndex((line) => /^(panic|fatal error): /.test(line));
  return (panic < 0 ? lines.slice(-lastWords) : lines.slice(panic, panic + 1)).join(" | ");
}
