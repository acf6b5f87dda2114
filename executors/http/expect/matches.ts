import { runInNewContext } from "node:vm";

import { limits } from "../defaults.ts";
import { RequestFailure } from "../failure.ts";
import type { Pattern } from "./pattern.ts";

/**
 * Does the pattern match somewhere in the text?
 *
 * A pattern that backtracks without end would hold up every execution in this process, so it is given up after a fixed time; a VM
 * context is the only way to interrupt one.
 *
 * @throws {RequestFailure} `PATTERN_TOO_SLOW`
 */
export function matches(pattern: Pattern, text: string): boolean {
  try {
    return runInNewContext("regex.test(text)", { regex: pattern.regex, text }, { timeout: limits.patternMs }) === true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
    throw new RequestFailure("PATTERN_TOO_SLOW", `pattern took longer than ${limits.patternMs} ms: ${pattern.text}`, {
      hint: "avoid nested repetition such as (a+)+",
    });
  }
}
