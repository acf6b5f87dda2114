import type { Execution, JsonObject } from "@executor-host/sdk";

import { awsFailure } from "./client/aws-failure.ts";
import type { Clients } from "./client/clients.ts";
import type { Config } from "./config.ts";

/** One execution at the service. */
export interface EcsRun {
  readonly execution: Execution<Config>;
  readonly clients: Clients;
  /** Facts for the result, gathered on the way. */
  readonly evidence: Record<string, JsonObject[string]>;
}

/** Make a call. @throws {EcsFailure} for what the service says, and the signal's reason when that aborts */
export async function call<T>(
  name: string,
  signal: AbortSignal,
  work: (options: { abortSignal: AbortSignal }) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  try {
    return await work({ abortSignal: signal });
  } catch (error) {
    throw signal.aborted ? signal.reason : awsFailure(error, name);
  }
}

/** For steps that must not be broken off half-way: the client's own time limits hold. */
export function unhurried(): AbortSignal {
  return new AbortController().signal;
}
