import { parseStatusSet, type StatusSet } from "../expect/status-set.ts";

/** Statuses that pass: the request came too early, too often, or met a server in trouble. */
export const defaultRetryStatuses: StatusSet = parseStatusSet("408,425,429,500,502,503,504");

/** Statuses that say: this request was not carried out. */
const refusals = new Set([
  401, 403, 404, 405, 406, 407, 408, 410, 411, 413, 414, 415, 417, 421, 425, 426, 428, 429, 431, 451,
]);

/** Did the server turn the request away before acting on it? */
export function isRefusal(status: number): boolean {
  return refusals.has(status);
}
