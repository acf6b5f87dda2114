import assert from "node:assert/strict";
import test from "node:test";
import { splitWords } from "./words.ts";

const split: readonly [name: string, line: string, words: readonly string[]][] = [
  ["blanks of every kind separate words", " a\tb \r\n c ", ["a", "b", "c"]],
  ["nothing is no word", "  ", []],
  ["single quotes keep everything", `echo 'a "b" \\ $c;d'`, ["echo", `a "b" \\ $c;d`]],
  ["double quotes keep blanks and operators", `echo "a | b > c & d; e"`, ["echo", "a | b > c & d; e"]],
  ["a backslash takes the next character as it is", `a\\ b \\"c \\;`, ["a b", `"c`, ";"]],
  ["a backslash works in double quotes", `"a\\"b" "\\\\"`, [`a"b`, "\\"]],
  ["n and t after a backslash are newline and tab, as in Dkron", `a\\nb "c\\td" '\\n'`, ["a\nb", "c\td", "\\n"]],
  ["empty quotes are an empty word", `a "" '' b`, ["a", "", "", "b"]],
  ["quotes join with what stands beside them", `--x="a b"'c d'e`, ["--x=a bc de"]],
  ["variables, globs and tildes stay literal", "echo $HOME * ~ ${X}", ["echo", "$HOME", "*", "~", "${X}"]],
  ["a command substitution stays literal and in one piece", "echo $(date +%s; ls) x", ["echo", "$(date +%s; ls)", "x"]],
  ["backquotes stay literal and in one piece", "echo `date | cat` x", ["echo", "`date | cat`", "x"]],
  ["the other quote inside quotes is a character", `"it's" 'say "x"'`, ["it's", `say "x"`]],
  ["parentheses in quotes are characters", `awk '(1)' "(2)"`, ["awk", "(1)", "(2)"]],
  ["characters beyond 16 bits stay whole", "echo 😀 '😀 x'", ["echo", "😀", "😀 x"]],
];
for (const [name, line, words] of split)
  test(`splitWords(): ${name}`, () => assert.deepEqual(splitWords(line), { words }));

const refused: readonly [name: string, line: string, problem: RegExp][] = [
  ["a list that Dkron would cut off", "a && b", /holds & outside quotes/],
  ["a sequence", "a; b", /holds ; outside/],
  ["a pipe", "a | b", /holds \| outside/],
  ["a redirection out", "echo x > f", /holds > outside/],
  ["a numbered redirection", "echo x 2>f", /holds > outside/],
  ["a redirection in", "cat < f", /holds < outside/],
  ["a subshell", "(a)", /holds \( outside/],
  ["a lone closing parenthesis", "a)", /holds \) outside/],
  ["a second opening parenthesis in a substitution", "echo $(a (b))", /holds \( outside/],
  ["an open double quote", `echo "a`, /opens " and does not close/],
  ["an open single quote", "echo it's", /opens ' and does not close/],
  ["an open backquote", "echo `a", /opens ` and does not close/],
  ["an open substitution", "echo $(a", /opens \$\( and does not close/],
  ["a backslash at the end", "echo a\\", /ends in a backslash/],
];
for (const [name, line, problem] of refused) {
  test(`splitWords() refuses ${name}`, () => {
    const result = splitWords(line);
    assert.match(result.problem ?? "", problem);
    assert.notEqual(result.problem === undefined ? "" : result.hint, "");
  });
}
