import type { DescMethod, Registry } from "@bufbuild/protobuf";
import { readNamedFile } from "@executor-host/sdk/remote";

import type { Config } from "../config.ts";
import type { Link } from "../connection/link.ts";
import { limits } from "../defaults.ts";
import { fail } from "../failure.ts";
import type { Method } from "../request/target.ts";
import { fromDescriptorSet } from "./descriptor-set.ts";
import { fromProtoFiles } from "./proto-files.ts";
import { reflectService, type Asking } from "./reflection.ts";

/** A method, and the types it may meet. */
export interface Resolved {
  readonly method: DescMethod;
  readonly registry: Registry;
}

/** What a job gives instead of reflection. @throws {RemoteFailure} */
export async function givenSchema(config: Config, signal: AbortSignal): Promise<Registry | undefined> {
  if (config.descriptor_set !== undefined) return fromDescriptorSet(config.descriptor_set, "descriptor_set");
  const path = config.descriptor_set_file;
  if (path !== undefined) {
    return fromDescriptorSet(await readNamedFile("descriptor_set_file", path, signal), `descriptor_set_file ${path}`);
  }
  return config.proto_files === undefined ? undefined : await fromProtoFiles(config.proto_files, config.proto_paths);
}

/** What the server says of a service; remembered for a while. @throws {RemoteFailure} @throws `signal.reason` */
export async function reflectedSchema(link: Link, service: string, asking: Asking): Promise<Registry> {
  const known = link.schemas.get(service);
  if (known !== undefined && known.untilMs > Date.now()) return known.schema;
  const schema = await reflectService(link, service, asking);
  if (link.schemas.size >= limits.schemas) link.schemas.clear();
  link.schemas.set(service, { schema, untilMs: Date.now() + limits.schemaKeptMs });
  return schema;
}

/** @throws {RemoteFailure} `METHOD_UNKNOWN` */
export function findMethod(registry: Registry, { service, method }: Method, source: string): Resolved {
  const found = registry.getService(service);
  if (found === undefined) throw fail("METHOD_UNKNOWN", `${source} has no service ${service}`);
  const named = found.methods.find(({ name }) => name === method);
  if (named !== undefined) return { method: named, registry };
  const names = found.methods.map(({ name }) => name).join(", ");
  throw fail("METHOD_UNKNOWN", `${service} has no method ${method}`, { hint: `it has ${names}` });
}
