import type { ExecuteResponse } from "@executor-host/proto/dkron/types-v1";
import type { Report } from "../definition/report.ts";
import type { EventSink, ExecutionEvent } from "../runtime/event.ts";
import { limits } from "../timeouts.ts";
import type { StatusUpdates } from "./status-updates.ts";
import { TailBuffer } from "./tail-buffer.ts";

/** Sends output to Dkron as it comes, and keeps its end for the answer. */
export class DkronSink implements EventSink {
  readonly #updates: StatusUpdates | undefined;
  readonly #tail = new TailBuffer(limits.dkronOutputBytes);

  constructor(updates: StatusUpdates | undefined) {
    this.#updates = updates;
  }

  write(event: ExecutionEvent): boolean {
    if (event.type !== "output") return true;
    this.#tail.write(event.data);
    return this.#updates?.push(event.data, event.channel === "stderr") ?? true;
  }

  drained(): Promise<void> {
    return this.#updates?.drained() ?? Promise.resolve();
  }

  /** The answer to Dkron: remarks, then as much of the output's end as Dkron will store behind the error. */
  response(report: Report): ExecuteResponse {
    const error = errorOf(report);
    const remarks = Buffer.from((report.warnings ?? []).map((warning) => `warning: ${warning}\n`).join(""));
    // Dkron puts the error and a line feed before the output, and keeps the last bytes of both together.
    const taken = remarks.length + (error === "" ? 0 : Buffer.byteLength(error) + 1);
    const room = Math.max(0, limits.dkronOutputBytes - taken);
    return { output: Buffer.concat([remarks, this.#tail.bytes(room)]), error };
  }
}

/** Empty means success. */
function errorOf({ outcome, message, hint }: Report): string {
  if (outcome === "SUCCEEDED") return "";
  const text = message || outcome.toLowerCase().replaceAll("_", " ");
  return hint ? `${text} (${hint})` : text;
}
