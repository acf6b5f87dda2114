const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const whole =
  /^(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h|d)(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h|d))*$/;
const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d)/g;

/**
 * Read a duration such as `30s`, `1m30s`, `1.5h`, `500ms` or `7d`.
 *
 * Shape: Go's `time.ParseDuration` without a sign, and `d` for 24 hours. `0` needs no unit.
 *
 * @returns milliseconds, or undefined when the text is no duration
 */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (!whole.test(text)) return undefined;
  let sum = 0;
  for (const [, digits, unit] of text.matchAll(part)) sum += Number(digits) * (unitMs[unit ?? ""] ?? Number.NaN);
  return Number.isFinite(sum) ? sum : undefined;
}

/** Milliseconds as text that `parseDuration` reads back: `1m30s`, `7d`, `0`. */
export function formatDuration(durationMs: number): string {
  if (durationMs === 0) return "0";
  let rest = durationMs;
  let text = "";
  for (const unit of ["d", "h", "m"] as const) {
    const size = unitMs[unit] ?? 1;
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  if (rest === 0) return text;
  const seconds = rest % 1000 === 0 || rest > 1000 || text !== "";
  return text + (seconds ? `${trim(rest / 1000)}s` : `${trim(rest)}ms`);
}

/** How long something took, for people: `12ms`, `1.2s`, `3m5s`. */
export function formatElapsed(durationMs: number): string {
  if (durationMs < 1000) return `${Math.round(durationMs)}ms`;
  if (durationMs < 60_000) return `${trim(Number((durationMs / 1000).toFixed(1)))}s`;
  return formatDuration(Math.round(durationMs / 1000) * 1000);
}

function trim(value: number): string {
  return String(Number(value.toFixed(6)));
}
