import assert from "node:assert/strict";
import { test } from "node:test";

import { splitWords } from "./words.ts";

const lines: readonly [line: string, words: readonly string[]][] = [
  ["etl --all", ["etl", "--all"]],
  ["  a\t b\n", ["a", "b"]],
  [`sh -c 'echo "$HOME" | cat'`, ["sh", "-c", 'echo "$HOME" | cat']],
  [`a"b c"'d e'f`, ["ab cd ef"]],
  [`"say \\"hi\\" \\n" x\\ y`, ['say "hi" \\n', "x y"]],
  [`'' ""`, ["", ""]],
  ["", []],
];

for (const [line, words] of lines) {
  test(`${JSON.stringify(line)} is split as a shell would`, () => assert.deepEqual(splitWords(line), words));
}

for (const line of ["say 'no", 'say "no', "say no\\"]) {
  test(`${JSON.stringify(line)} is refused`, () =>
    assert.throws(() => splitWords(line), {
      name: "FieldError",
      message: /^(opens ['"] and does not close it|ends in a backslash)$/,
    }));
}
