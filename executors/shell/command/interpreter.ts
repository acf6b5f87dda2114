import { FieldError } from "@executor-host/sdk";
import { splitWords } from "./words.ts";

/**
 * Read the words of an interpreter: a JSON array of strings, or a command line.
 *
 * @throws {FieldError}
 */
export function parseInterpreter(text: string): readonly string[] {
  const words = text.trimStart().startsWith("[") ? parseArray(text) : split(text);
  if (words.length === 0 || words[0] === "")
    throw new FieldError("names no program", "write something like python3 -u");
  return words;
}

function parseArray(text: string): readonly string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // What is wrong in particular hardly matters for so short a text.
  }
  if (Array.isArray(value) && value.every((word) => typeof word === "string")) return value;
  throw new FieldError("is not a JSON array of strings", 'write something like ["python3","-u"]');
}

function split(text: string): readonly string[] {
  const result = splitWords(text);
  if (result.problem !== undefined) throw new FieldError(result.problem, result.hint);
  return result.words;
}
