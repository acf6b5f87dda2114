import type { Violation } from "@executor-host/sdk";

import type { Config } from "./config.ts";

/** Contradictions between keys. */
export function check(config: Config): Violation[] {
  const wrong = (field: string, when: boolean, message: string, hint = ""): Violation[] =>
    when ? [{ field, message, hint }] : [];
  const hasNetwork = config.subnet.length > 0;
  const hasName = isSet(config.taskdefName);
  const capacity = [config.fargate, config.launch_type !== undefined, config.capacity_providers.length > 0];
  return [
    ...wrong("taskdefName", !hasName && config.taskdefBody === undefined, "is required, or taskdefBody"),
    ...wrong(
      "taskdefBody",
      hasName && config.taskdefBody !== undefined,
      "cannot be combined with taskdefName",
      "use one of them",
    ),
    ...wrong(
      "taskdefBody",
      config.taskdefBody !== undefined && !Array.isArray(config.taskdefBody["containerDefinitions"]),
      "has no containerDefinitions",
    ),
    ...wrong("deregister", config.deregister && config.taskdefBody === undefined, "needs taskdefBody"),
    ...wrong(
      "launch_type",
      capacity.filter(Boolean).length > 1 && !(config.fargate && config.launch_type === "FARGATE" && !capacity[2]),
      "says the same as fargate or capacity_providers",
      "use one of launch_type, fargate and capacity_providers",
    ),
    ...wrong("subnet", (config.fargate || config.launch_type === "FARGATE") && !hasNetwork, "is required on Fargate"),
    ...wrong("securityGroup", config.securityGroup.length > 0 && !hasNetwork, "needs subnet"),
    ...wrong("assign_public_ip", config.assign_public_ip && !hasNetwork, "needs subnet"),
    ...wrong(
      "secret_access_key",
      isSet(config.access_key_id) !== isSet(config.secret_access_key),
      "goes with access_key_id, and the other way round",
    ),
    ...wrong("session_token", isSet(config.session_token) && !isSet(config.access_key_id), "needs access_key_id"),
    ...wrong("profile", isSet(config.profile) && isSet(config.access_key_id), "cannot be combined with access_key_id"),
    ...wrong("external_id", isSet(config.external_id) && !isSet(config.role_arn), "needs role_arn"),
    ...Object.keys(config.tags)
      .filter((key) => key.startsWith("executor-host:") || key.startsWith("aws:"))
      .flatMap((key) => wrong("tags", true, `"${key}" is a tag that others set`)),
  ];
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== "";
}
