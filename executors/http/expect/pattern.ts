import { FieldError } from "@executor-host/sdk";

import { translateRe2 } from "./re2.ts";

/** A regular expression as a job writes it. */
export interface Pattern {
  /** As written, for messages. */
  readonly text: string;
  readonly regex: RegExp;
}

/**
 * Read a pattern: Go's RE2 syntax, as in Dkron; no slashes around it. It may match anywhere.
 *
 * Lookaround, which RE2 lacks, works too. Differences that remain: `(?i)` folds case by Unicode's simple rules, and the longest-match
 * mode of RE2 does not exist.
 *
 * @throws {FieldError}
 */
export function parsePattern(text: string): Pattern {
  let source: string;
  try {
    source = translateRe2(text);
    return { text, regex: new RegExp(source, "u") };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const reason = error.message.replace(/^Invalid regular expression: (\/.*\/u: )?/s, "");
    throw new FieldError(
      `no valid regular expression: ${text}: ${reason}`,
      "use Go's syntax, without slashes around it",
    );
  }
}
