/** How a check came out. */
export type Verdict =
  | { readonly status: "passed" }
  | { readonly status: "failed" | "warned"; readonly reason: string; readonly hint: string }
  | { readonly status: "skipped"; readonly reason: string };

export type Status = Verdict["status"];

export const passed: Verdict = { status: "passed" };

/** @param reason what was seen; @param hint what would be right */
export function failed(reason: string, hint = ""): Verdict {
  return { status: "failed", reason, hint };
}

/** Worth knowing, but within the contract. */
export function warned(reason: string, hint = ""): Verdict {
  return { status: "warned", reason, hint };
}

export function skipped(reason: string): Verdict {
  return { status: "skipped", reason };
}

/** Ends a check from deep inside, with its verdict. */
export class VerdictError extends Error {
  override readonly name = "VerdictError";
  readonly verdict: Verdict;

  constructor(verdict: Verdict) {
    super("reason" in verdict ? verdict.reason : verdict.status);
    this.verdict = verdict;
  }
}

/** @throws {VerdictError} failed, unless the condition holds */
export function must(condition: unknown, reason: string, hint = ""): asserts condition {
  if (!condition) throw new VerdictError(failed(reason, hint));
}
