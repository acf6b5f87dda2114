import type { Report } from "@executor-host/sdk";

import type { AttemptRecord } from "./attempt-record.ts";
import { isRefusal } from "./retry/statuses.ts";

type Effect = Report["effect"];

/** Did the attempts of an execution change anything outside? Unset means that nobody can tell. */
export function effectOf(records: readonly AttemptRecord[]): Effect {
  const effects = records.map(effectOfAttempt);
  if (effects.includes("HAPPENED")) return "HAPPENED";
  return effects.every((effect) => effect === "NONE") ? "NONE" : undefined;
}

function effectOfAttempt({ sent, response, expected, accepted }: AttemptRecord): Effect {
  if (!sent) return "NONE";
  if (expected || accepted !== undefined) return "HAPPENED";
  return response === undefined ? undefined : effectOfStatus(response.status);
}

/** What a status says that is not the expected one. */
function effectOfStatus(status: number): Effect {
  if (status >= 200 && status <= 299) return "HAPPENED";
  return isRefusal(status) ? "NONE" : undefined;
}
