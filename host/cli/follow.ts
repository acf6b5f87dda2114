import type { Event } from "../client/types.ts";
import type { Result } from "../model/model.ts";
import type { CliContext } from "./context.ts";
import { EventPrinter, type PrinterOptions } from "./event-printer.ts";
import { eventToJson } from "./json.ts";

export interface FollowOptions extends PrinterOptions {
  /** One event a line on standard output, instead of the job's output. */
  readonly json: boolean;
}

/** How far the events went. */
export interface Progress {
  /** Undefined until the end. */
  result: Result | undefined;
  lastSequence: number;
}

/**
 * Show an execution as it goes on.
 *
 * @param progress kept up to date, also when this throws
 */
export async function follow(
  events: AsyncIterable<Event>,
  options: FollowOptions,
  context: CliContext,
  progress: Progress = { result: undefined, lastSequence: 0 },
): Promise<Progress> {
  using printer = new EventPrinter(context, options);
  for await (const event of events) {
    if (options.json) await context.stdout.json(eventToJson(event));
    else await printer.print(event);
    progress.lastSequence = event.sequence;
    if (event.type === "result") progress.result = event.result;
  }
  return progress;
}
