const msPerUnit: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3, // micro sign
  μs: 1e-3, // Greek mu
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** Go keeps durations as nanoseconds in 64 bits. */
const maxMs = 2 ** 63 / 1e6;

/**
 * Read a duration as Go's time.ParseDuration does: `300ms`, `-1.5h`, `2h45m`, `0`.
 *
 * @returns milliseconds, exact to the nanosecond for spans below 100 days; undefined when it is no duration
 */
export function parseGoDuration(text: string): number | undefined {
  const signed = /^([+-]?)(.+)$/s.exec(text);
  const rest = signed?.[2] ?? "";
  if (rest === "0") return 0;
  let ms = 0;
  let at = 0;
  const part = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;
  while (at < rest.length) {
    part.lastIndex = at;
    const match = part.exec(rest);
    const scale = msPerUnit[match?.[2] ?? ""];
    if (match === null || scale === undefined) return undefined;
    ms += Number(match[1]) * scale;
    at = part.lastIndex;
  }
  if (at === 0 || ms > maxMs) return undefined;
  const rounded = Math.round(ms * 1e6) / 1e6;
  return signed?.[1] === "-" ? -rounded : rounded;
}

/** Write milliseconds as people would: `1h30m`, `30s`, `1.5s`, `250ms`. */
export function formatGoDuration(durationMs: number): string {
  const sign = durationMs < 0 ? "-" : "";
  let rest = Math.abs(durationMs);
  if (rest === 0) return "0s";
  if (rest < 1_000) return `${sign}${rest}ms`;
  const hours = Math.floor(rest / 3_600_000);
  rest -= hours * 3_600_000;
  const minutes = Math.floor(rest / 60_000);
  rest -= minutes * 60_000;
  return `${sign}${hours ? `${hours}h` : ""}${minutes ? `${minutes}m` : ""}${rest ? `${rest / 1_000}s` : ""}`;
}
