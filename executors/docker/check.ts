import { posix } from "node:path";

import type { Violation } from "@executor-host/sdk";

import type { Config } from "./config.ts";
import { mountsOf } from "./container/mounts.ts";
import { forbidden } from "./policy/allows.ts";
import type { LoadedPolicy } from "./policy/policy.ts";

/** Contradictions between keys, and what the machine's policy does not allow. */
export function check(config: Config, { policy, problem }: LoadedPolicy): Violation[] {
  if (policy === undefined) return [problem];
  return [...contradictions(config), ...forbidden(config, policy)];
}

function contradictions(config: Config): Violation[] {
  const { endpoint, memory, memory_swap, memory_reservation, network, pull, registry_auth, healthcheck } = config;
  const hasCertificate = set(config.tls_certificate);
  const hasTls = set(config.tls_ca) || hasCertificate || set(config.tls_certificate_key);
  const wrong = (field: string, when: boolean, message: string, hint = ""): Violation[] =>
    when ? [{ field, message, hint }] : [];
  return [
    ...wrong(
      "tls_certificate_key",
      hasCertificate !== set(config.tls_certificate_key),
      "goes with tls_certificate, and the other way round",
    ),
    ...wrong(
      "tls_ca",
      hasTls && endpoint?.kind === "unix",
      "has no effect on a unix socket",
      "remove the tls_ keys, or write an https:// endpoint",
    ),
    ...wrong(
      "tls_ca",
      hasTls && endpoint?.kind === "tcp" && !endpoint.secure,
      "has no effect without TLS",
      "write the endpoint as https://host:port",
    ),
    ...wrong("memory_swap", memory_swap !== undefined && memory === undefined, "needs memory"),
    ...wrong(
      "memory_swap",
      memory_swap !== undefined && memory !== undefined && memory_swap < memory,
      "is less than memory",
      "it is memory and swap together",
    ),
    ...wrong(
      "memory_reservation",
      memory_reservation !== undefined && memory !== undefined && memory_reservation > memory,
      "is more than memory",
    ),
    ...wrong(
      "aliases",
      config.aliases.length > 0 && ["none", "bridge", "host"].includes(network ?? "none"),
      "need a network of your own",
      "name it in network",
    ),
    ...wrong("registry_auth", registry_auth !== undefined && pull === "never", "has no effect with pull=never"),
    ...wrong(
      "registry_auth",
      registry_auth !== undefined &&
        registry_auth.identity_token === undefined &&
        (registry_auth.username === undefined || registry_auth.password === undefined),
      "needs username and password, or identity_token",
    ),
    ...wrong("healthcheck.test", healthcheck?.test.length === 0, "must not be empty"),
    ...config.files.flatMap(({ path, content, content_base64 }, index) => [
      ...wrong(
        `files[${index}]`,
        (content === undefined) === (content_base64 === undefined),
        "needs either content or content_base64",
      ),
      ...wrong(`files[${index}]`, path.split("/").includes(".."), "has .. in its path"),
      ...wrong(
        `files[${index}]`,
        config.read_only && !inVolume(path, config),
        "cannot be written, as the container is read_only",
        "mount a volume there",
      ),
    ]),
    ...mountsOf(config).flatMap(({ field, type, source, sizeBytes }) => [
      ...wrong(field, type === "bind" && source?.startsWith("/") !== true, "needs an absolute path as its source"),
      ...wrong(field, type === "tmpfs" && source !== undefined, "is memory and has no source"),
      ...wrong(field, type !== "tmpfs" && sizeBytes !== undefined, "has no size", "only tmpfs does"),
    ]),
  ];
}

function inVolume(path: string, config: Config): boolean {
  return mountsOf(config).some(
    ({ type, target }) => type === "volume" && !posix.relative(target, path).startsWith(".."),
  );
}

function set(value: string | undefined): boolean {
  return value !== undefined && value !== "";
}
