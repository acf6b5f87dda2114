import type { Msg } from "nats";

import type { Config } from "../config.ts";

/** An error in an answer of JetStream. */
export interface ApiError {
  readonly code: number;
  readonly err_code?: number;
  readonly description?: string;
}

/** Where the JetStream API of a job listens. */
export function apiPrefix({ domain, api_prefix: prefix }: Config): string {
  if (prefix !== undefined) return prefix;
  return domain === undefined ? "$JS.API" : `$JS.${domain}.API`;
}

/** Nobody listens: the server says so with an empty message. */
export function isNoResponders(reply: Msg): boolean {
  return reply.data.length === 0 && reply.headers?.code === 503;
}

/** @returns undefined when it is no JSON object */
export function readJson(reply: Msg): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = reply.json();
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
