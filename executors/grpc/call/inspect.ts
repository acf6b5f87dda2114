import type { ProbeReport } from "@executor-host/sdk";
import { grpcConnectFailure } from "@executor-host/sdk/remote";
import { Metadata } from "@grpc/grpc-js";

import type { Config } from "../config.ts";
import type { Link } from "../connection/link.ts";
import { fillMetadata } from "../request/metadata.ts";
import { listServices } from "../schema/reflection.ts";
import { findMethod, givenSchema, reflectedSchema } from "../schema/resolve.ts";
import { makeCall } from "./call.ts";

/** A method that no server has: calling it has no effect, and tells whether there is a server, and what is wrong if there is none. */
const nowhere = "/executor_host.Probe/Nothing";

/** What can be learned of the target without calling it. @throws {RemoteFailure} */
export async function inspect(link: Link, config: Config, signal: AbortSignal): Promise<ProbeReport> {
  const { peer } = link.route;
  const asking = { signal, metadata: fillMetadata(new Metadata(), { config, traceContext: {} }) };
  const given = await givenSchema(config, signal);
  await link.connected(config.connect_timeout, signal);
  const wanted = config.url.method ?? config.method;
  const startedMs = performance.now();
  if (given !== undefined || wanted === undefined) {
    const ending = await makeCall(link, { ...asking, path: nowhere, messages: [], onMessage: () => undefined });
    const unsent = grpcConnectFailure(ending, peer);
    if (unsent !== undefined) throw unsent;
  }
  const roundTripMs = Math.round((performance.now() - startedMs) * 10) / 10;
  if (wanted === undefined)
    return { ok: true, message: `connected to ${peer}`, details: { target: peer, roundTripMs } };
  const schema = given ?? (await reflectedSchema(link, wanted.service, asking));
  const { method } = findMethod(schema, wanted, given === undefined ? "the server" : "the given schema");
  const services = given === undefined ? await listServices(link, asking) : undefined;
  return {
    ok: true,
    message: `connected to ${peer}, and found ${wanted.service}/${wanted.method}`,
    details: {
      target: peer,
      kind: method.methodKind,
      input: method.input.typeName,
      output: method.output.typeName,
      methods: method.parent.methods.map(({ name }) => name),
      services,
    },
  };
}
