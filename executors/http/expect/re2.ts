/**
 * RE2 patterns as JavaScript ones.
 *
 * Source for the syntax: google/re2 wiki, "Syntax", and Go's package regexp/syntax, which Dkron's jobs are written for.
 */

/** Options in force at one point of a pattern. */
interface Options {
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
  readonly multiline: boolean;
  readonly ungreedy: boolean;
}

/** One level of parentheses. */
interface Level {
  options: Options;
  /** Groups opened by `(?i)` in this level; they end with the level, and pause at `|`. */
  readonly opened: string[];
}

const none: Options = { ignoreCase: false, dotAll: false, multiline: false, ungreedy: false };
const optionLetters: Record<string, keyof Options> = {
  i: "ignoreCase",
  s: "dotAll",
  m: "multiline",
  U: "ungreedy",
};

const posixClasses: Record<string, string> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: "\\x00-\\x7F",
  blank: "\\t ",
  cntrl: "\\x00-\\x1F\\x7F",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`\\{-~",
  space: "\\t\\n\\v\\f\\r ",
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};

const start = "(?<![\\s\\S])";
const end = "(?![\\s\\S])";
const quantifier = /^(?:[*+?]|\{\d+(?:,\d*)?\})/;
const syntaxCharacter = /[\^$\\.*+?()[\]{}|/]/g;

/**
 * @returns the source of an equivalent JavaScript pattern for the `u` flag
 * @throws {SyntaxError} for what RE2 does not know, as far as JavaScript would not refuse it by itself
 */
export function translateRe2(pattern: string): string {
  const levels: Level[] = [{ options: none, opened: [] }];
  let out = "";
  let at = 0;
  while (at < pattern.length) {
    const level = levels.at(-1);
    if (level === undefined) throw new SyntaxError("unmatched )");
    const rest = pattern.slice(at);
    const character = pattern[at] ?? "";
    switch (character) {
      case "\\": {
        const escape = readEscape(rest, false);
        out += escape.source;
        at += escape.length;
        continue;
      }
      case "[": {
        const set = readClass(rest);
        out += set.source;
        at += set.length;
        continue;
      }
      case "(": {
        const group = readGroup(rest, level.options);
        at += group.length;
        if (group.opens) {
          levels.push({ options: group.options, opened: [] });
          out += group.source;
        } else {
          level.options = group.options;
          if (group.source !== "") level.opened.push(group.source);
          out += group.source;
        }
        continue;
      }
      case ")":
        out += ")".repeat(level.opened.length) + ")";
        levels.pop();
        if (levels.length === 0) throw new SyntaxError("unmatched )");
        break;
      case "|":
        out += ")".repeat(level.opened.length) + "|" + level.opened.join("");
        break;
      case ".":
        out += level.options.dotAll ? "[\\s\\S]" : "[^\\n]";
        break;
      case "^":
        out += level.options.multiline ? "(?<![^\\n])" : start;
        break;
      case "$":
        out += level.options.multiline ? "(?![^\\n])" : end;
        break;
      default: {
        const repeat = quantifier.exec(rest)?.[0];
        if (repeat !== undefined) {
          at += repeat.length;
          const lazy = pattern[at] === "?";
          if (lazy) at++;
          out += repeat + (lazy !== level.options.ungreedy ? "?" : "");
          continue;
        }
        // A brace or bracket that repeats or closes nothing stands for itself.
        out += /[{}\]]/.test(character) ? `\\${character}` : character;
      }
    }
    at++;
  }
  const last = levels.pop();
  if (last === undefined || levels.length > 0) throw new SyntaxError("missing closing )");
  return out + ")".repeat(last.opened.length);
}

interface Piece {
  readonly source: string;
  /** Characters of the pattern that it stands for. */
  readonly length: number;
}

function readGroup(rest: string, options: Options): Piece & { readonly options: Options; readonly opens: boolean } {
  const named = /^\(\?P?<([A-Za-z_]\w*)>/.exec(rest);
  if (named !== null) return { source: `(?<${named[1]}>`, length: named[0].length, options, opens: true };
  const lookaround = /^\(\?<?[=!]/.exec(rest);
  if (lookaround !== null) return { source: lookaround[0], length: lookaround[0].length, options, opens: true };
  const flags = /^\(\?([a-zA-Z]*)(?:-([a-zA-Z]+))?([:)])/.exec(rest);
  if (flags === null) {
    if (rest.startsWith("(?")) throw new SyntaxError(`invalid group: ${rest.slice(0, 4)}`);
    return { source: "(", length: 1, options, opens: true };
  }
  const [whole, on = "", off = "", ending] = flags;
  const changed = { ...options, ...toOptions(on, true), ...toOptions(off, false) };
  const opens = ending === ":";
  // Only letter case needs JavaScript's help; the rest is written out where it applies.
  const fold = changed.ignoreCase === options.ignoreCase ? "" : changed.ignoreCase ? "i" : "-i";
  const source = opens || fold !== "" ? `(?${fold}:` : "";
  return { source, length: whole.length, options: changed, opens };
}

function toOptions(letters: string, value: boolean): Partial<Options> {
  const options: Partial<Record<keyof Options, boolean>> = {};
  for (const letter of letters) {
    const name = optionLetters[letter];
    if (name === undefined) throw new SyntaxError(`unknown flag: ${letter}`);
    options[name] = value;
  }
  return options;
}

/** A class in square brackets; `]` right after the opening stands for itself. */
function readClass(rest: string): Piece {
  let at = 1;
  let source = "[";
  if (rest[at] === "^") {
    source += "^";
    at++;
  }
  const first = at;
  while (at < rest.length) {
    const tail = rest.slice(at);
    const posix = /^\[:(\^?)(\w+):\]/.exec(tail);
    const character = rest[at] ?? "";
    if (character === "]" && at > first) return { source: `${source}]`, length: at + 1 };
    if (posix !== null) {
      const members = posixClasses[posix[2] ?? ""];
      if (members === undefined) throw new SyntaxError(`unknown class: ${posix[0]}`);
      if (posix[1] === "^") throw new SyntaxError(`negated class within a class is not supported: ${posix[0]}`);
      source += members;
      at += posix[0].length;
    } else if (character === "\\") {
      const escape = readEscape(tail, true);
      source += escape.source;
      at += escape.length;
    } else {
      source += character === "]" || character === "[" ? `\\${character}` : character;
      at++;
    }
  }
  throw new SyntaxError("missing closing ]");
}

/** What follows a backslash. */
function readEscape(rest: string, inClass: boolean): Piece {
  const next = rest[1];
  if (next === undefined) throw new SyntaxError("trailing backslash");
  if (next === "Q" && !inClass) {
    const stop = rest.indexOf("\\E", 2);
    const literal = stop === -1 ? rest.slice(2) : rest.slice(2, stop);
    return { source: literal.replace(syntaxCharacter, "\\$&"), length: stop === -1 ? rest.length : stop + 2 };
  }
  const property = /^\\([pP])([A-Za-z])/.exec(rest);
  if (property !== null) return { source: `\\${property[1]}{${property[2]}}`, length: 3 };
  const script = /^\\([pP])\{(\^?)(\w+)\}/.exec(rest);
  if (script !== null) return { source: propertyOf(script), length: script[0].length };
  const wide = /^\\x\{([0-9A-Fa-f]+)\}/.exec(rest);
  if (wide !== null) return { source: `\\u{${wide[1]}}`, length: wide[0].length };
  const octal = /^\\(0[0-7]{0,2}|[1-3][0-7]{2})/.exec(rest);
  if (octal?.[1] !== undefined)
    return { source: `\\u{${Number.parseInt(octal[1], 8).toString(16)}}`, length: octal[0].length };
  if (/\d/.test(next)) throw new SyntaxError(`back-reference is not supported: \\${next}`);
  const known = (inClass ? classEscapes : escapes)[next];
  if (known !== undefined) return { source: known, length: 2 };
  if (/[A-Za-z]/.test(next)) {
    if (/[dDwWfnrtvx]/.test(next) || (!inClass && /[bB]/.test(next))) return { source: `\\${next}`, length: 2 };
    throw new SyntaxError(`unknown escape: \\${next}`);
  }
  // Punctuation may be escaped freely there, and hardly ever here.
  const code = next.codePointAt(0) ?? 0;
  return { source: code < 0x80 ? `\\x${code.toString(16).padStart(2, "0")}` : next, length: 2 };
}

/** RE2's white space is ASCII only; JavaScript's is not. */
const classEscapes: Record<string, string> = {
  a: "\\x07",
  s: "\\t\\n\\f\\r ",
  S: "\\x00-\\x08\\x0B\\x0E-\\x1F!-\\u{10FFFF}",
};
const escapes: Record<string, string> = {
  a: "\\x07",
  s: "[\\t\\n\\f\\r ]",
  S: "[^\\t\\n\\f\\r ]",
  A: start,
  z: end,
};

function propertyOf([, letter = "p", negated = "", name = ""]: RegExpExecArray): string {
  const sign = negated === "^" ? (letter === "p" ? "P" : "p") : letter;
  // General categories have one or two letters; everything longer is a script.
  return name.length <= 2 ? `\\${sign}{${name}}` : `\\${sign}{Script=${name}}`;
}
