const factors = ["", "K", "M", "G", "T"];

/**
 * Read a size: a whole number of bytes, or a number directly followed by B, K, KB, KiB, M, MB, MiB ... up to T, in any case.
 * All units are powers of 1024.
 *
 * Source: the spellings of Dkron's `mem_limit`, plus the IEC ones.
 *
 * @returns bytes; undefined when it is no size
 */
export function parseByteSize(text: string): number | undefined {
  if (/^\d+$/.test(text)) return safe(Number(text));
  const match = /^(\d+\.?\d*|\.\d+)(?:B|BYTES|([KMGT])(?:i?B)?)$/i.exec(text);
  if (match === null) return undefined;
  return safe(Math.floor(Number(match[1]) * 1024 ** factors.indexOf((match[2] ?? "").toUpperCase())));
}

function safe(bytes: number): number | undefined {
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Write bytes in the largest unit that divides them: `64MB`, `1500`. */
export function formatByteSize(bytes: number): string {
  let rest = bytes;
  let unit = 0;
  while (rest >= 1024 && rest % 1024 === 0 && unit < factors.length - 1) {
    rest /= 1024;
    unit++;
  }
  return unit === 0 ? String(rest) : `${rest}${factors[unit]}B`;
}
