import assert from "node:assert/strict";
import { test } from "node:test";

import { FieldError } from "@executor-host/sdk";

import { parsePattern } from "./pattern.ts";

const rows: { pattern: string; yes: string[]; no: string[] }[] = [
  { pattern: "success", yes: ["a success!"], no: ["Success"] },
  { pattern: '{"ok":true}', yes: ['x {"ok":true}'], no: ['{"ok":false}'] },
  { pattern: "a{2,3}b", yes: ["aab", "aaab"], no: ["ab"] },
  { pattern: "a{,2}", yes: ["a{,2}"], no: ["aa"] },
  { pattern: "a]}", yes: ["a]}"], no: ["a"] },
  { pattern: "(?i)hello|world", yes: ["HELLO", "World"], no: ["other"] },
  { pattern: "a(?i)b|c", yes: ["aB", "C"], no: ["Ab"] },
  { pattern: "(a(?i)b)c", yes: ["aBc"], no: ["abC"] },
  { pattern: "(?i:ab)c", yes: ["ABc"], no: ["ABC"] },
  { pattern: "(?i)a(?-i)b", yes: ["Ab"], no: ["AB"] },
  { pattern: "a.b", yes: ["axb", "a\rb"], no: ["a\nb"] },
  { pattern: "(?s)a.b", yes: ["a\nb"], no: ["ab"] },
  { pattern: "^b$", yes: ["b"], no: ["a\nb\nc"] },
  { pattern: "(?m)^b$", yes: ["a\nb\nc", "b"], no: ["ab", "a\rb"] },
  { pattern: "(?ms)^b.*d$", yes: ["a\nb\nc\nd\ne"], no: ["b\nc"] },
  { pattern: "\\Ab\\z", yes: ["b"], no: ["b\n"] },
  { pattern: "(?P<year>\\d{4})-(?<month>\\d\\d)", yes: ["2026-11"], no: ["26-11"] },
  { pattern: "[[:alpha:]]+[[:digit:]]", yes: ["ab1"], no: ["1"] },
  { pattern: "^[^[:space:]]$", yes: ["x"], no: [" "] },
  { pattern: "[]a]", yes: ["]", "a"], no: ["b"] },
  { pattern: "[^]a]", yes: ["b"], no: ["]a"] },
  { pattern: "\\Qa.b(c\\E+", yes: ["a.b(ccc"], no: ["axb(c"] },
  { pattern: "\\pL+", yes: ["é"], no: ["1"] },
  { pattern: "\\p{Greek}", yes: ["α"], no: ["a"] },
  { pattern: "\\P{Lu}", yes: ["a"], no: ["A"] },
  { pattern: "\\p{^Lu}", yes: ["a"], no: ["A"] },
  { pattern: "\\x{1F600}|\\x41", yes: ["😀", "A"], no: ["B"] },
  { pattern: "\\101", yes: ["A"], no: ["B"] },
  { pattern: '\\"status\\"\\: \\-\\/\\#', yes: ['"status": -/#'], no: ["status"] },
  { pattern: "^\\s$", yes: [" ", "\t"], no: ["\u00a0"] },
  { pattern: "(?U)^a+", yes: ["aaa"], no: ["b"] },
  { pattern: "foo(?=bar)", yes: ["foobar"], no: ["foobaz"] },
  { pattern: "", yes: ["", "anything"], no: [] },
];

for (const { pattern, yes, no } of rows) {
  test(`pattern ${JSON.stringify(pattern)} matches as in Go`, () => {
    const { regex } = parsePattern(pattern);
    for (const text of yes) assert.equal(regex.test(text), true, `${JSON.stringify(text)} matches`);
    for (const text of no) assert.equal(regex.test(text), false, `${JSON.stringify(text)} does not match`);
  });
}

test("pattern with (?U) repeats as few times as it can, and as many with a question mark", () => {
  assert.equal(parsePattern("(?U)a+").regex.exec("aaa")?.[0], "a");
  assert.equal(parsePattern("(?U)a+?").regex.exec("aaa")?.[0], "aaa");
});

// Dkron reported an invalid pattern as a body that did not match (HT5).
for (const pattern of [
  "(",
  ")",
  "a)b(",
  "[a",
  "*a",
  "a**",
  "(?z)a",
  "\\1",
  "\\k",
  "\\",
  "[[:nope:]]",
  "(?P<1>a)",
  "x{3,2}",
]) {
  test(`pattern ${JSON.stringify(pattern)} is refused`, () => {
    assert.throws(() => parsePattern(pattern), FieldError);
  });
}
