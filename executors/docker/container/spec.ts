import type { Execution } from "@executor-host/sdk";

import type { Config } from "../config.ts";
import type { ContainerSpec, EngineFacts } from "../engine/engine.ts";
import type { Policy } from "../policy/policy.ts";
import { mountsOf, type Mount } from "./mounts.ts";
import { labelsOf } from "./names.ts";
import type { Owner } from "./owner.ts";

/** Larger than any disk: a log that is cut could not be taken up again at the right place. */
const unlimitedLog = "1000000g";

/** What the engine is told to make of a job. */
export function containerSpec(
  execution: Execution<Config>,
  facts: EngineFacts,
  policy: Policy,
  owner: Owner,
): ContainerSpec {
  const { config } = execution;
  const network = config.network || policy.default_network;
  const stdin = config.stdin !== undefined;
  return {
    Image: config.image,
    ...(config.command !== undefined && { Cmd: [...config.command] }),
    ...(config.entrypoint !== undefined && { Entrypoint: entrypoint(config.entrypoint) }),
    ...(config.user && { User: config.user }),
    ...(config.workdir && { WorkingDir: config.workdir }),
    ...(config.hostname && { Hostname: config.hostname }),
    ...(config.stop_signal && { StopSignal: config.stop_signal }),
    ...(config.healthcheck !== undefined && { Healthcheck: healthcheck(config.healthcheck) }),
    Env: Object.entries(environment(execution)).map(([name, value]) => `${name}=${value}`),
    Labels: labelsOf(execution, owner),
    Tty: config.tty,
    AttachStdout: true,
    AttachStderr: true,
    AttachStdin: stdin,
    OpenStdin: stdin,
    StdinOnce: stdin,
    ...(config.aliases.length > 0 && {
      NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: [...config.aliases] } } },
    }),
    HostConfig: {
      NetworkMode: network,
      LogConfig: logConfig(facts),
      ...limitsOf(config, policy),
      ...securityOf(config),
      Mounts: mountsOf(config).map(toMount) as never,
      Tmpfs: { ...config.tmpfs },
      Init: config.init,
      ...(config.dns.length > 0 && { Dns: [...config.dns] }),
      ...(Object.keys(config.extra_hosts).length > 0 && {
        ExtraHosts: Object.entries(config.extra_hosts).map(([name, address]) => `${name}:${address}`),
      }),
    },
  };
}

/** An empty list would mean the image's own. */
function entrypoint(words: readonly string[]): string[] {
  return words.length === 0 ? [""] : [...words];
}

function environment({
  id,
  attempt,
  jobName,
  deadline,
  traceContext,
  config,
}: Execution<Config>): Record<string, string> {
  return {
    EXECUTION_ID: id,
    EXECUTION_ATTEMPT: String(attempt),
    ...(jobName !== "" && { JOB_NAME: jobName }),
    ...(deadline !== undefined && { EXECUTION_DEADLINE: deadline.toISOString() }),
    ...(traceContext["traceparent"] !== undefined && { TRACEPARENT: traceContext["traceparent"] }),
    ...(traceContext["tracestate"] !== undefined && { TRACESTATE: traceContext["tracestate"] }),
    ...config.env,
  };
}

/**
 * A log that keeps bytes as they are: Docker's json-file, its default, replaces what is not UTF-8. Without a limit on its size, whatever the
 * engine's default is.
 */
function logConfig({ isPodman }: EngineFacts): { Type: string; Config: Record<string, string> } {
  return isPodman
    ? { Type: "k8s-file", Config: {} }
    : { Type: "local", Config: { "max-size": unlimitedLog, "max-file": "1", compress: "false" } };
}

function limitsOf(config: Config, policy: Policy): NonNullable<ContainerSpec["HostConfig"]> {
  const memory = config.memory ?? policy.max_memory;
  const cpus = config.cpus ?? policy.max_cpus;
  const pids = config.pids ?? policy.max_pids;
  return {
    ...(memory !== undefined && { Memory: memory, MemorySwap: config.memory_swap ?? memory }),
    ...(config.memory_reservation !== undefined && { MemoryReservation: config.memory_reservation }),
    ...(cpus !== undefined && { NanoCpus: Math.round(cpus * 1e9) }),
    ...(config.cpuset && { CpusetCpus: config.cpuset }),
    ...(pids !== undefined && { PidsLimit: pids }),
    ...(config.shm_size !== undefined && { ShmSize: config.shm_size }),
    ...(config.ulimits.length > 0 && { Ulimits: config.ulimits.map((ulimit) => ({ ...ulimit })) }),
  };
}

function securityOf(config: Config): NonNullable<ContainerSpec["HostConfig"]> {
  return {
    Privileged: config.privileged,
    ReadonlyRootfs: config.read_only,
    CapAdd: [...config.cap_add],
    CapDrop: [...config.cap_drop],
    SecurityOpt: config.no_new_privileges ? ["no-new-privileges"] : [],
  };
}

function toMount({ type, source, target, readOnly, sizeBytes }: Mount): object {
  return {
    Type: type,
    Target: target,
    ReadOnly: readOnly,
    ...(source !== undefined && { Source: source }),
    ...(sizeBytes !== undefined && { TmpfsOptions: { SizeBytes: sizeBytes } }),
  };
}

function healthcheck({ test, interval, timeout, start_period, retries }: NonNullable<Config["healthcheck"]>): object {
  const nanoseconds = (ms: number): number => Math.round(ms * 1e6);
  return {
    Test: ["CMD", ...test],
    Interval: nanoseconds(interval),
    Timeout: nanoseconds(timeout),
    StartPeriod: nanoseconds(start_period),
    Retries: retries,
  };
}
