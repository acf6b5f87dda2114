import { readFileSync } from "node:fs";

import {
  byteSize,
  choice,
  decimal,
  defineConfig,
  duration,
  flag,
  integer,
  json,
  object,
  text,
  textList,
  textMap,
  type ConfigOf,
  type Violation,
} from "@executor-host/sdk";

import { messageOf } from "../failure.ts";

/** Where a machine's policy is, unless the executor's environment has EXECUTOR_DOCKER_POLICY. */
const policyPath = "/etc/executor-host/docker.json";
const policyVariable = "EXECUTOR_DOCKER_POLICY";

/** What jobs may do on this machine. Written by whoever runs the machine; no job can change it. */
const policyFile = defineConfig({
  policy: json({
    summary: "The policy.",
    required: true,
    shape: object({
      images: textList({ summary: "Images that may run; * stands for any characters.", default: ["*"] }),
      digest_only: flag({ summary: "Images must be named by digest.", default: false }),
      networks: textList({
        summary: "Networks that may be used. The star alone does not mean host and container:NAME.",
        default: ["*"],
      }),
      default_network: text({ summary: "Network of a job that names none.", default: "none" }),
      host_paths: textMap({
        summary: "Host paths that may be mounted, with all below: ro or rw by path.",
        default: {},
      }),
      volumes: textList({ summary: "Named volumes that may be mounted.", default: ["*"] }),
      privileged: flag({ summary: "Jobs may ask for privileged.", default: false }),
      new_privileges: flag({ summary: "Jobs may switch no_new_privileges off.", default: false }),
      capabilities: textList({ summary: "Capabilities that jobs may add.", default: [] }),
      endpoints: textList({ summary: "Engines that jobs may name.", default: ["*"] }),
      max_memory: byteSize({ summary: "Most memory of a container, and what one gets that asks for none." }),
      max_cpus: decimal({ summary: "The same for CPUs.", minimum: 0.01 }),
      max_pids: integer({ summary: "The same for processes.", minimum: 1 }),
      sweep: choice({
        summary: "What is done about containers that dead hosts have left: remove, report (a dry run), or off.",
        values: ["remove", "report", "off"] as const,
        default: "remove",
      }),
      sweep_after: duration({
        summary: "How long the result of an ended container waits to be collected.",
        default: 3_600_000,
      }),
      kept_for: duration({ summary: "How long containers stay that keep_failed has kept.", default: 86_400_000 }),
    }),
  }),
});

export type Policy = ConfigOf<typeof policyFile>["policy"];

/** A policy that cannot be read allows nothing. */
export type LoadedPolicy =
  | { readonly policy: Policy; readonly problem?: undefined }
  | { readonly policy?: undefined; readonly problem: Violation };

/** Read the machine's policy. Without one, the defaults hold. */
export function loadPolicy(env: Readonly<Record<string, string | undefined>>): LoadedPolicy {
  const named = env[policyVariable];
  const path = named || policyPath;
  try {
    return parsePolicy(readFileSync(path, "utf8"), path);
  } catch (error) {
    if (!named && (error as NodeJS.ErrnoException).code === "ENOENT") return parsePolicy("{}", path);
    return { problem: problem(path, `cannot be read: ${messageOf(error)}`) };
  }
}

export function parsePolicy(policyText: string, path: string): LoadedPolicy {
  const { value, violations } = policyFile.parse({ policy: policyText });
  if (violations !== undefined) {
    return { problem: problem(path, violations.map(({ field, message }) => `${field} ${message}`).join("; ")) };
  }
  const access = Object.entries(value.policy.host_paths).find(([, mode]) => mode !== "ro" && mode !== "rw");
  if (access !== undefined)
    return { problem: problem(path, `host_paths: ${access[0]} must be ro or rw: "${access[1]}"`) };
  return { policy: value.policy };
}

function problem(path: string, message: string): Violation {
  return {
    field: "policy",
    message: `of this machine, ${path}, ${message}`,
    hint: "whoever runs this machine must mend it",
  };
}
