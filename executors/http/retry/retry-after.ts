/**
 * Read a `Retry-After` header: whole seconds, or an HTTP date. Source: RFC 9110, section 10.2.3.
 *
 * @returns milliseconds from now, never negative; undefined when there is none, or it makes no sense
 */
export function retryAfterMs(value: string | undefined, nowMs = Date.now()): number | undefined {
  const text = value?.trim() ?? "";
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  // An HTTP date names a day; Date.parse alone would take much else for a date.
  if (!/^[A-Z][a-z]+, |^[A-Z][a-z]{2} [A-Z][a-z]{2} /.test(text)) return undefined;
  const time = Date.parse(text.endsWith("GMT") ? text : `${text} GMT`);
  return Number.isNaN(time) ? undefined : Math.max(0, time - nowMs);
}
