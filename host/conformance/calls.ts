import { status, type CallOptions, type ClientUnaryCall, type ServiceError } from "@grpc/grpc-js";
import { failed, VerdictError } from "./verdict.ts";

/** What a unary call brought. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: status; readonly message: string };

/** Make a unary call with a deadline. Never rejects. */
export function ask<T>(
  limitMs: number,
  start: (options: Partial<CallOptions>, done: (error: ServiceError | null, response?: T) => void) => ClientUnaryCall,
): Promise<Answer<T>> {
  return new Promise((resolve) => {
    start({ deadline: Date.now() + limitMs }, (error, value) => {
      if (error === null && value !== undefined) resolve({ ok: true, value });
      else resolve({ ok: false, code: error?.code ?? status.UNKNOWN, message: error?.details ?? "no answer" });
    });
  });
}

/**
 * The value of an answer.
 *
 * @param what the call, for people: `Describe`
 * @throws {VerdictError} failed, when the call failed
 */
export function valueOf<T>(what: string, answer: Answer<T>): T {
  if (answer.ok) return answer.value;
  throw new VerdictError(failed(`${what} failed: ${errorText(answer)}`));
}

/** `INTERNAL: what was said`. */
export function errorText({ code, message }: { readonly code: status; readonly message: string }): string {
  return `${status[code]}: ${message}`;
}

/** Machine-readable causes: `CONNECTION_REFUSED`, or empty. */
export const codeForm = /^([A-Z][A-Z0-9_]*)?$/;

/** Names of the constants of a generated enumeration, by number. */
export function enumNames(constants: Readonly<Record<string, number>>): (number: number) => string {
  const names = new Map(Object.entries(constants).map(([name, number]) => [number, name]));
  return (number) => names.get(number) ?? String(number);
}
