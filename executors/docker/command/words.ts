import { FieldError } from "@executor-host/sdk";

/**
 * Split a command line into words as a POSIX shell does, without expanding anything: blanks separate, single quotes keep everything, double
 * quotes keep all but a backslash before `"` or `\`, and a backslash keeps the next character.
 *
 * @throws {FieldError} for a quote that is not closed, or a backslash at the end
 */
export function splitWords(line: string): readonly string[] {
  const words: string[] = [];
  let rest = line.trimStart();
  while (rest !== "") {
    const word = /^(?:[^\s'"\\]|\\[^]|'[^']*'|"(?:[^"\\]|\\[^])*")+/.exec(rest)?.[0];
    const next = word === undefined ? rest : rest.slice(word.length);
    if (word === undefined || /^\S/.test(next)) {
      const mark = next[0] === "\\" ? "ends in a backslash" : `opens ${next[0]} and does not close it`;
      throw new FieldError(mark, "close it, put a backslash before it, or write a JSON array of strings");
    }
    words.push(unquote(word));
    rest = next.trimStart();
  }
  return words;
}

function unquote(word: string): string {
  return word.replaceAll(
    /\\([^])|'([^']*)'|"((?:[^"\\]|\\[^])*)"/g,
    (_all, escaped?: string, single?: string, double?: string) =>
      escaped ?? single ?? (double ?? "").replaceAll(/\\(["\\])/g, "$1"),
  );
}
