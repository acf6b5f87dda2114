import { FieldError } from "@executor-host/sdk";

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const longestMs = 2 ** 32 - 1;

/**
 * Read how long a message is kept.
 *
 * @returns milliseconds, as AMQP writes them
 * @throws {FieldError}
 */
export function parseExpiration(given: string): string {
  const hint = "write milliseconds, or such as 90s or 1m30s";
  const parts = [...given.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  const isDuration = parts.length > 0 && parts.map(([part]) => part).join("") === given;
  if (!isDuration && !/^\d+$/.test(given)) throw new FieldError("is not a duration", hint);
  const totalMs = isDuration
    ? parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (unitsMs[unit ?? ""] ?? 0), 0)
    : Number(given);
  if (totalMs > longestMs) throw new FieldError("is longer than RabbitMQ takes", `write at most ${longestMs}`);
  return String(Math.round(totalMs));
}

/**
 * Read a point in time: seconds since 1970, or as in RFC 3339.
 *
 * @returns seconds since 1970
 * @throws {FieldError}
 */
export function parseTimestamp(given: string): number {
  const isNumber = /^\d{1,11}$/.test(given);
  const isDate = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)$/.test(given);
  const seconds = isNumber ? Number(given) : isDate ? Math.floor(Date.parse(given) / 1000) : Number.NaN;
  if (!Number.isSafeInteger(seconds) || seconds < 0) {
    throw new FieldError("is not a time", "write seconds since 1970, or such as 2026-01-31T06:00:00Z");
  }
  return seconds;
}
