import { posix } from "node:path";

import type { Violation } from "@executor-host/sdk";

import type { Config } from "../config.ts";
import { mountsOf, type Mount } from "../container/mounts.ts";
import { showEndpoint } from "../engine/endpoint.ts";
import { parseImage } from "../image/reference.ts";
import { matchesAny } from "./pattern.ts";
import type { Policy } from "./policy.ts";

/** What a job asks for that the machine's policy does not allow. */
export function forbidden(config: Config, policy: Policy): Violation[] {
  const { image, privileged, no_new_privileges, endpoint } = config;
  return [
    ...refuse(
      "image",
      !matchesAny(parseImage(image).full, policy.images) && !matchesAny(image, policy.images),
      `"${image}" is not allowed here`,
      `allowed: ${policy.images.join(", ")}`,
    ),
    ...refuse(
      "image",
      policy.digest_only && !image.includes("@sha256:"),
      `"${image}" names no digest, which is required here`,
      "write NAME@sha256:DIGEST",
    ),
    ...refuse("privileged", privileged && !policy.privileged, "is not allowed here", widen("privileged")),
    ...refuse(
      "no_new_privileges",
      !no_new_privileges && !policy.new_privileges,
      "may not be switched off here",
      widen("new_privileges"),
    ),
    ...refuse(
      "endpoint",
      endpoint !== undefined && !matchesAny(showEndpoint(endpoint), policy.endpoints),
      "is not allowed here",
      `allowed: ${policy.endpoints.join(", ")}`,
    ),
    ...networkRefusals(config, policy),
    ...capabilityRefusals(config, policy),
    ...mountsOf(config).flatMap((mount) => mountRefusals(mount, policy)),
    ...refuse(
      "memory",
      over(config.memory, policy.max_memory),
      `is more than the ${policy.max_memory} bytes allowed here`,
      "",
    ),
    ...refuse("cpus", over(config.cpus, policy.max_cpus), `is more than the ${policy.max_cpus} allowed here`, ""),
    ...refuse("pids", over(config.pids, policy.max_pids), `is more than the ${policy.max_pids} allowed here`, ""),
  ];
}

function networkRefusals({ network }: Config, policy: Policy): Violation[] {
  if (network === undefined || network === "none") return [];
  // These give away the machine's own network, or another container's.
  const open = network === "host" || network.startsWith("container:") || network.startsWith("ns:");
  const patterns = open ? policy.networks.filter((pattern) => pattern !== "*") : policy.networks;
  return refuse("network", !matchesAny(network, patterns), `"${network}" is not allowed here`, widen("networks"));
}

function capabilityRefusals({ cap_add }: Config, policy: Policy): Violation[] {
  const bare = (name: string): string => name.toUpperCase().replace(/^CAP_/, "");
  const allowed = new Set(policy.capabilities.map(bare));
  const wrong = cap_add.filter((name) => !allowed.has(bare(name)));
  return refuse("cap_add", wrong.length > 0, `${wrong.join(", ")} is not allowed here`, widen("capabilities"));
}

function mountRefusals(mount: Mount, policy: Policy): Violation[] {
  const { field, source = "", readOnly } = mount;
  if (mount.type === "volume") {
    return refuse(
      field,
      source !== "" && !matchesAny(source, policy.volumes),
      `"${source}" is not allowed here`,
      widen("volumes"),
    );
  }
  if (mount.type !== "bind") return [];
  const path = posix.normalize(source);
  const entry = Object.entries(policy.host_paths).find(([allowed]) => isWithin(path, posix.normalize(allowed)));
  if (entry === undefined)
    return refuse(field, true, `"${source}" is a path of the host, which is not allowed here`, widen("host_paths"));
  return refuse(field, entry[1] === "ro" && !readOnly, `"${source}" may only be mounted read-only here`, "add :ro");
}

function isWithin(path: string, directory: string): boolean {
  const parent = directory.endsWith("/") ? directory : `${directory}/`;
  return path === directory || path.startsWith(parent) || `${path}/` === parent;
}

function over(asked: number | undefined, most: number | undefined): boolean {
  return asked !== undefined && most !== undefined && asked > most;
}

function widen(key: string): string {
  return `whoever runs this machine can allow it: ${key} in the executor's policy`;
}

function refuse(field: string, when: boolean, message: string, hint: string): Violation[] {
  return when ? [{ field, message, hint }] : [];
}
