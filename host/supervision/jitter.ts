/** A part of a wait, from half of it to all: what failed together does not come back together. */
export function jittered(waitMs: number): number {
  return waitMs * (0.5 + Math.random() / 2);
}
