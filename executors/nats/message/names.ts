import { FieldError } from "@executor-host/sdk";

// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const breaking = /[\s\u0000-\u001F\u007F]/;

/** A subject to publish to. @throws {FieldError} */
export function parseSubject(given: string): string {
  const subject = given.trim();
  if (breaking.test(subject)) throw new FieldError("holds a blank or a control character", tokensHint);
  const tokens = subject.split(".");
  if (tokens.includes("")) throw new FieldError("has an empty token", tokensHint);
  if (tokens.includes("*") || tokens.includes(">")) {
    throw new FieldError("holds a wildcard", "a message is published to one subject; wildcards are for subscribers");
  }
  return subject;
}

const tokensHint = "write tokens separated by dots, such as jobs.nudge";

/** Leading tokens of subjects, with or without a last dot. @throws {FieldError} */
export function parsePrefix(given: string): string {
  return parseSubject(given.replace(/\.$/, ""));
}

/** Name of a key-value bucket. @throws {FieldError} */
export function parseBucket(given: string): string {
  if (!/^[-\w]+$/.test(given)) throw new FieldError("is not a bucket name", "letters, digits, - and _");
  return given;
}

/** Key in a key-value bucket. @throws {FieldError} */
export function parseKey(given: string): string {
  if (!/^[-/=.\w]+$/.test(given) || given.startsWith(".") || given.endsWith(".") || given.includes("..")) {
    throw new FieldError("is not a key", "letters, digits and -/=_ in tokens separated by dots");
  }
  return given;
}
