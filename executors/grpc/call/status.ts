import { FieldError, type Report } from "@executor-host/sdk";

interface StatusKind {
  readonly name: string;
  /** Would trying again help? Unset means unknown. */
  readonly retryability?: Report["retryability"];
  /** The server turns the call away before it does anything. */
  readonly isRefusal?: true;
}

/** The codes of gRPC, by number. Source: github.com/grpc/grpc, doc/statuscodes.md. */
const kinds: readonly StatusKind[] = [
  { name: "OK" },
  { name: "CANCELLED" },
  { name: "UNKNOWN" },
  { name: "INVALID_ARGUMENT", retryability: "PERMANENT" },
  { name: "DEADLINE_EXCEEDED", retryability: "RETRYABLE" },
  { name: "NOT_FOUND", retryability: "PERMANENT" },
  { name: "ALREADY_EXISTS", retryability: "PERMANENT" },
  { name: "PERMISSION_DENIED", retryability: "PERMANENT", isRefusal: true },
  { name: "RESOURCE_EXHAUSTED", retryability: "RETRYABLE" },
  { name: "FAILED_PRECONDITION", retryability: "PERMANENT" },
  { name: "ABORTED", retryability: "RETRYABLE" },
  { name: "OUT_OF_RANGE", retryability: "PERMANENT" },
  { name: "UNIMPLEMENTED", retryability: "PERMANENT", isRefusal: true },
  { name: "INTERNAL" },
  { name: "UNAVAILABLE", retryability: "RETRYABLE" },
  { name: "DATA_LOSS" },
  { name: "UNAUTHENTICATED", retryability: "PERMANENT", isRefusal: true },
];

export const codes = {
  OK: 0,
  CANCELLED: 1,
  NOT_FOUND: 5,
  DEADLINE_EXCEEDED: 4,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  UNAVAILABLE: 14,
} as const;

export function statusKind(code: number): StatusKind {
  return kinds[code] ?? { name: `code ${code}` };
}

/** Codes that count as success, and how they were written. */
export interface CodeSet {
  readonly text: string;
  has(code: number): boolean;
}

export const success: CodeSet = { text: "OK", has: (code) => code === 0 };

/** Read codes by number or name, separated by commas; `any` takes all. @throws {FieldError} */
export function parseCodes(text: string): CodeSet {
  if (text.trim().toLowerCase() === "any") return { text: "any", has: () => true };
  const numbers = new Set(text.split(",").map(parseCode));
  return { text: [...numbers].map((code) => statusKind(code).name).join(","), has: (code) => numbers.has(code) };
}

/** Names of codes, as gRPC's service config takes them. @throws {FieldError} */
export function parseCodeNames(text: string): readonly string[] {
  return text.split(",").map((one) => statusKind(parseCode(one)).name);
}

function parseCode(given: string): number {
  const text = given.trim();
  const code = /^\d+$/.test(text)
    ? Number(text)
    : kinds.findIndex(({ name }) => name.replaceAll("_", "") === text.toUpperCase().replaceAll("_", ""));
  if (kinds[code] !== undefined) return code;
  throw new FieldError(
    `${JSON.stringify(text)} is no status code`,
    "write numbers from 0 to 16, or names such as NOT_FOUND",
  );
}
