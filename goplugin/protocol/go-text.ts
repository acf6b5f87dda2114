/** An integer as Go's `strconv.Atoi` reads it: optional sign, decimal digits, nothing else. */
export function parseGoInteger(text: string): number | undefined {
  if (!/^[+-]?[0-9]+$/.test(text)) return undefined;
  const value = Number(text);
  // -0 would differ from 0 in comparisons by Object.is.
  return Number.isSafeInteger(value) ? value + 0 : undefined;
}

// Go counts U+0085 as white space and U+FEFF not; JavaScript has it the other way round.
const goSpace = "(?:[^\\S\\uFEFF]|\\u0085)+";
const outerSpace = new RegExp(`^${goSpace}|${goSpace}$`, "g");

/** Text without white space at both ends, as Go's `strings.TrimSpace` sees it. */
export function trimGoSpace(text: string): string {
  return text.replace(outerSpace, "");
}

const goBooleans: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "T", "TRUE", "true", "True"].map((text) => [text, true] as const),
  ...["0", "f", "F", "FALSE", "false", "False"].map((text) => [text, false] as const),
]);

/** A boolean as Go's `strconv.ParseBool` reads it. */
export function parseGoBoolean(text: string): boolean | undefined {
  return goBooleans.get(text);
}
