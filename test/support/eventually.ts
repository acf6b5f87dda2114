import { setTimeout as sleep } from "node:timers/promises";

/** A guard against hanging, far beyond what anything here takes. */
const limitMs = 30_000;
const intervalMs = 10;

/**
 * Look again and again until there is an answer.
 *
 * @param what for the error, should it never come
 * @param look undefined, false and null mean not yet
 */
export async function eventually<T>(what: string, look: () => Promise<T> | T): Promise<Exclude<NonNullable<T>, false>> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found as Exclude<NonNullable<T>, false>;
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`);
    await sleep(intervalMs);
  }
}
