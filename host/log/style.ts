const codes = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;

export type StyleName = keyof typeof codes;

/** Puts text in a style, or leaves it as it is. */
export type Styler = (style: StyleName, text: string) => string;

/** @param color whether there is colour at all; see `hasColor` */
export function styler(color: boolean): Styler {
  if (!color) return (_, text) => text;
  return (style, text) => `\u001b[${codes[style][0]}m${text}\u001b[${codes[style][1]}m`;
}

/**
 * Should text written to this stream have colour? FORCE_COLOR says yes (`0` and `false`: no), NO_COLOR says no, else it is for terminals.
 *
 * Source: no-color.org, force-color.org.
 */
export function hasColor(
  stream: { readonly isTTY?: boolean | undefined },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  const force = env["FORCE_COLOR"];
  if (force !== undefined && force !== "") return force !== "0" && force !== "false";
  if (env["NO_COLOR"]) return false;
  return stream.isTTY === true && env["TERM"] !== "dumb";
}
