import { Metadata } from "@grpc/grpc-js";
import type { Work } from "@executor-host/sdk/remote";

import type { Config } from "../config.ts";
import { Link } from "../connection/link.ts";
import type { Route } from "../connection/route.ts";
import { readBody } from "../request/messages.ts";
import { fillMetadata } from "../request/metadata.ts";
import type { Method } from "../request/target.ts";
import { findMethod, givenSchema, reflectedSchema } from "../schema/resolve.ts";
import { checkHealth } from "./health.ts";
import { invoke } from "./invoke.ts";

export function openLink(route: Route): Link {
  return new Link(route);
}

/**
 * Connect, find out about the method, and call it.
 *
 * @param method undefined: ask for health
 * @throws {RemoteFailure}
 * @throws `signal.reason`
 */
export async function callOn(work: Work<Config>, link: Link, method: Method | undefined): Promise<void> {
  const { execution, signal } = work;
  const { config } = execution;
  const metadata = (): Metadata => fillMetadata(new Metadata(), execution);
  const [given, body] = await Promise.all([givenSchema(config, signal), readBody(config, signal)]);
  await link.connected(config.connect_timeout, signal);
  if (method === undefined) return await checkHealth(work, link, metadata());
  work.phase = "while asking for the method's types";
  const asking = { metadata: metadata(), signal };
  const schema = given ?? (await reflectedSchema(link, method.service, asking));
  const resolved = findMethod(schema, method, given === undefined ? "the server" : "the given schema");
  work.evidence = { ...work.evidence, method: `${method.service}/${method.method}` };
  await invoke(work, link, resolved, body, metadata());
}
