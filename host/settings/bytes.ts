const units = ["B", "KiB", "MiB", "GiB", "TiB"];

/**
 * Read a size such as `256MB`, `10GiB`, `1.5G` or `4096`.
 *
 * All units are powers of 1024, as in the configs of executors; `M`, `MB` and `MiB` are the same. Case does not matter.
 *
 * @returns bytes, or undefined when the text is no size
 */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(?:([KMGT])(?:I?B)?|B)?$/i.exec(text);
  if (match === null) return undefined;
  const power = match[2] === undefined ? 0 : "KMGT".indexOf(match[2].toUpperCase()) + 1;
  const bytes = Math.floor(Number(match[1]) * 1024 ** power);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Bytes as text that `parseBytes` reads back to the same number: `256MiB`, `1001B`. */
export function formatExactBytes(bytes: number): string {
  const power = powerOf((size) => bytes !== 0 && bytes % size === 0);
  return `${bytes / 1024 ** power}${units[power]}`;
}

/** Bytes for people, rounded: `112.5MiB`, `12B`. */
export function formatBytes(bytes: number): string {
  const power = powerOf((size) => bytes >= size);
  return `${Number((bytes / 1024 ** power).toFixed(1))}${units[power]}`;
}

/** The largest unit that fits. */
function powerOf(fits: (size: number) => boolean): number {
  return Math.max(
    0,
    units.findLastIndex((_, power) => fits(1024 ** power)),
  );
}
