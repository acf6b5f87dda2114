import { parseGoInteger } from "./go-text.ts";

/** The text of `PLUGIN_PROTOCOL_VERSIONS`: decimal, comma-separated; the order means nothing. */
export function formatVersionList(versions: readonly number[]): string {
  return versions.join(",");
}

export interface VersionList {
  readonly versions: readonly number[];
  /** Pieces that are no integers. A plugin reports and skips them. */
  readonly rejected: readonly string[];
}

/** Read `PLUGIN_PROTOCOL_VERSIONS`. Unset or empty means a host from before version lists. */
export function parseVersionList(text: string | undefined): VersionList {
  const versions: number[] = [];
  const rejected: string[] = [];
  for (const piece of text ? text.split(",") : []) {
    const version = parseGoInteger(piece);
    if (version === undefined) rejected.push(piece);
    else versions.push(version);
  }
  return { versions, rejected };
}

/**
 * The application version a plugin answers with: its highest that the host offers, or its lowest when there is none in common, so that
 * the host can say what does not fit.
 *
 * @param own what the plugin serves; at least one
 * @throws {RangeError} when `own` is empty
 */
export function negotiateVersion(own: readonly number[], offered: readonly number[]): number {
  const descending = own.toSorted((left, right) => right - left);
  const lowest = descending.at(-1);
  if (lowest === undefined) throw new RangeError("a plugin must serve at least one version");
  return descending.find((version) => offered.includes(version)) ?? lowest;
}
