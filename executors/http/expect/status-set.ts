import { FieldError } from "@executor-host/sdk";

/** A set of status codes, as a job writes it. */
export interface StatusSet {
  /** For messages: `200,204,300-399`. */
  readonly text: string;
  includes(status: number): boolean;
}

const any: StatusSet = { text: "any", includes: () => true };

/** What counts as success when a job says nothing. */
export const successStatuses: StatusSet = { text: "200-299", includes: (status) => status >= 200 && status <= 299 };

/**
 * Read `expectCode`.
 *
 * Shape: a comma list of codes (`204`), ranges (`300-399`) and classes (`2xx`), spaces allowed; or `any`, for Dkron's old behaviour of
 * accepting whatever comes.
 *
 * @throws {FieldError}
 */
export function parseStatusSet(text: string): StatusSet {
  if (text.trim().toLowerCase() === "any") return any;
  const items = text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
  if (items.length === 0) return successStatuses;
  const ranges = items.map(parseRange);
  return {
    text: items.join(","),
    includes: (status) => ranges.some(([first, last]) => status >= first && status <= last),
  };
}

function parseRange(item: string): readonly [number, number] {
  const parts = /^([1-9]\d\d)(?:\s*-\s*([1-9]\d\d))?$/.exec(item);
  if (parts?.[1] !== undefined) {
    const first = Number(parts[1]);
    const last = Number(parts[2] ?? first);
    if (first > last) throw new FieldError(`range ends before it starts: ${item}`, `write ${last}-${first}`);
    return [first, last];
  }
  const status = /^([1-9])xx$/i.exec(item);
  if (status?.[1] === undefined) {
    throw new FieldError(`no status code, range or class: ${item}`, "such as 200,204,300-399,2xx, or any");
  }
  const first = Number(status[1]) * 100;
  return [first, first + 99];
}
