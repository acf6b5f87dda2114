import { FieldError } from "@executor-host/sdk";

/** A set of exit codes: single ones and ranges, both ends included. */
export type ExitCodes = readonly (readonly [first: number, last: number])[];

/**
 * Read a list such as `0,3,10-12`.
 *
 * @throws {FieldError} when it is none, or holds a number that is no exit code
 */
export function parseExitCodes(text: string): ExitCodes {
  return text.split(",").map((part) => {
    const match = /^\s*(\d+)\s*(?:-\s*(\d+)\s*)?$/.exec(part);
    const first = Number(match?.[1] ?? Number.NaN);
    const last = Number(match?.[2] ?? first);
    if (!(first <= last && last <= 255)) {
      throw new FieldError(
        `${JSON.stringify(part)} is not an exit code or a range of them`,
        "write codes from 0 to 255, such as 0,3,10-12",
      );
    }
    return [first, last] as const;
  });
}

export function includesCode(codes: ExitCodes | undefined, code: number): boolean {
  return codes?.some(([first, last]) => first <= code && code <= last) ?? false;
}

/** The first code in both sets. */
export function sharedCode(some: ExitCodes, others: ExitCodes): number | undefined {
  for (const [first, last] of some) {
    for (let code = first; code <= last; code++) if (includesCode(others, code)) return code;
  }
  return undefined;
}
