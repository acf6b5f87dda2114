import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { HostError } from "@executor-host/proto/shared/error";
import { variables } from "../protocol/environment.ts";
import { parseGoInteger } from "../protocol/go-text.ts";
import type { ListenPlace } from "../transport/bind.ts";

/**
 * Where a plugin opens its sockets, as its host wants it.
 *
 * @throws {HostError} `PLUGIN_OPTIONS_INVALID` when the host's wishes make no sense
 */
export function listenPlace(
  environment: NodeJS.ProcessEnv,
  network: ListenPlace["network"] = usualNetwork(process.platform),
): ListenPlace {
  if (network === "tcp") {
    const minPort = readPort(environment, variables.minPort);
    const maxPort = readPort(environment, variables.maxPort);
    if (minPort > maxPort) throw invalid(variables.minPort, `${minPort} is above ${variables.maxPort} ${maxPort}`);
    return { network: "tcp", minPort, maxPort };
  }
  const group = environment[variables.socketGroup];
  return {
    network: "unix",
    directory: environment[variables.socketDirectory] || tmpdir(),
    groupId: group ? lookUpGroup(group) : undefined,
  };
}

/** Node has no unix sockets on Windows. */
export function usualNetwork(platform: NodeJS.Platform): ListenPlace["network"] {
  return platform === "win32" ? "tcp" : "unix";
}

function readPort(environment: NodeJS.ProcessEnv, name: string): number {
  const text = environment[name];
  const port = text ? parseGoInteger(text) : 0;
  if (port === undefined || port < 0 || port > 65_535) throw invalid(name, `not a port: ${text}`);
  return port;
}

function lookUpGroup(group: string): number {
  const id = parseGoInteger(group);
  if (id !== undefined) return id;
  // Node has no look-up of groups; a directory service behind the name is not asked.
  const entry = readFileSync("/etc/group", "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .find(([name]) => name === group);
  const found = Number(entry?.[2] ?? Number.NaN);
  if (Number.isNaN(found)) throw invalid(variables.socketGroup, `unknown group: ${group}`);
  return found;
}

function invalid(name: string, problem: string): HostError {
  return new HostError("PLUGIN_OPTIONS_INVALID", `${name}: ${problem}`, { hint: "the host sets this variable" });
}
