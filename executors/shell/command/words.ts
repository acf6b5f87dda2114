/** What a command line was split into, or why not. */
export type Words =
  | { readonly words: readonly string[]; readonly problem?: undefined }
  | { readonly words?: undefined; readonly problem: string; readonly hint: string };

const blanks = new Set([" ", "\t", "\r", "\n"]);
const operators = new Set([";", "&", "|", "<", ">"]);
const useShell = "set shell to true to have a shell read the command, or put quotes around the character";

/**
 * Split a command line into words without a shell: single quotes, double quotes and backslashes, no expansion of any kind.
 *
 * Source: the rules of Dkron's shell executor, which are those of mattn/go-shellwords with both of its options off. Two of them surprise:
 * outside single quotes `\n` is a newline and `\t` a tab; and `$( )` and backquotes keep blanks together, but nothing is run.
 *
 * One rule is ours: Dkron stops at an unquoted `;`, `&`, `|`, `<` or `>` and drops the rest without a word; here that is a problem.
 */
export function splitWords(line: string): Words {
  const words: string[] = [];
  let word = "";
  let started = false;
  let quote: '"' | "'" | "`" | "$(" | undefined;
  let escaped = false;

  for (const char of line) {
    if (escaped) {
      escaped = false;
      word += char === "n" ? "\n" : char === "t" ? "\t" : char;
      started = true;
      continue;
    }
    if (char === "\\" && quote !== "'") {
      escaped = true;
      continue;
    }
    if (blanks.has(char) && quote === undefined) {
      if (started) words.push(word);
      word = "";
      started = false;
      continue;
    }
    if (char === '"' || char === "'") {
      if (quote === undefined || quote === char) {
        quote = quote === undefined ? char : undefined;
        started = true;
        continue;
      }
    } else if (char === "`") {
      if (quote === undefined) quote = "`";
      else if (quote === "`") quote = undefined;
    } else if (char === "(" && (quote === undefined || quote === "$(")) {
      if (quote === "$(" || !word.endsWith("$")) return unexpected(char);
      quote = "$(";
    } else if (char === ")" && (quote === undefined || quote === "$(")) {
      if (quote === undefined) return unexpected(char);
      quote = undefined;
    } else if (operators.has(char) && quote === undefined) return unexpected(char);
    word += char;
    started = true;
  }

  if (escaped) return { problem: "ends in a backslash", hint: "write two backslashes for one" };
  if (quote !== undefined)
    return { problem: `opens ${quote} and does not close it`, hint: "close it, or put a backslash before it" };
  if (started) words.push(word);
  return { words };
}

function unexpected(char: string): Words {
  return { problem: `holds ${char} outside quotes, which only a shell understands`, hint: useShell };
}
