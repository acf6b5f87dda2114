/** Whether a text is one of the patterns, in which * stands for any characters. */
export function matchesAny(value: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => new RegExp(`^${pattern.split("*").map(RegExp.escape).join(".*")}$`).test(value));
}
