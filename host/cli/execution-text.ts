import type { Execution } from "../model/model.ts";
import { formatElapsed } from "../settings/duration.ts";
import type { Styler } from "../log/style.ts";
import { words } from "./text.ts";

/** `running`, or how it ended: `timed out`. */
export function stateText({ state, result }: Pick<Execution, "state" | "result">): string {
  return words(result?.outcome ?? state);
}

/** The same in the colour of its meaning. */
export function styledState(execution: Pick<Execution, "state" | "result">, style: Styler): string {
  const text = stateText(execution);
  const { outcome } = execution.result ?? {};
  if (outcome === undefined) return style("cyan", text);
  if (outcome === "SUCCEEDED") return style("green", text);
  return style(outcome === "CANCELLED" ? "yellow" : "red", text);
}

/** From acceptance until the end, or until now. */
export function tookText({ acceptedMs, finishedMs }: Execution, nowMs: number): string {
  return formatElapsed(Math.max(0, (finishedMs ?? nowMs) - acceptedMs));
}
