import type { Violation } from "@executor-host/proto/shared/error";

/**
 * One value is wrong. Thrown by the `parse` of a `custom` field; becomes a violation of that field.
 *
 * @param message what is wrong, such as `"30" is not a duration`; must not hold a secret
 * @param hint what would be right, such as `write a number and a unit, such as 30s or 1h30m`
 */
export class FieldError extends Error {
  override readonly name = "FieldError";
  readonly hint: string;

  constructor(message: string, hint = "") {
    super(message);
    this.hint = hint;
  }
}

/** Several things are wrong inside one nested value; fields are relative to it (`.maxAttempts`, `[2]`). */
export class NestedErrors extends Error {
  override readonly name = "NestedErrors";
  readonly violations: readonly Violation[];

  constructor(violations: readonly Violation[]) {
    super(violations.map((violation) => violation.message).join("; "));
    this.violations = violations;
  }
}

/**
 * Run `read`, and turn what it throws into violations of `field`.
 *
 * @returns undefined when something was wrong
 */
export function collect<T>(field: string, violations: Violation[], read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof FieldError) violations.push({ field, message: error.message, hint: error.hint });
    else if (error instanceof NestedErrors) {
      for (const inner of error.violations) violations.push({ ...inner, field: field + inner.field });
    } else throw error;
    return undefined;
  }
}

/** Path of a key below a nested value: `.retry`, or `["X Y"]` when it could not be told from the rest. */
export function keyPath(key: string): string {
  return /^[\w-]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}
