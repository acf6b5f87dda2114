/**
 * Starts and stops the systems that executors talk to.
 *
 *   scripts/services up [--native] [NAME ...]   start them; quick for those that are up
 *   scripts/services down [NAME ...]            stop them
 *   scripts/services status                     what is up, and where
 *   scripts/services get NAME ENDPOINT          one endpoint of one that is up, for use in a command line
 *
 * Without a name: all of them. Where a Docker engine answers, those of `docker-compose.yml` come from there; the others, and with `--native` all,
 * run as programs of this machine, with users, TLS and what else tests need, and what they need is installed when it is missing.
 */
import { parseArgs } from "node:util";
import { messageOf } from "@executor-host/proto/shared/error";
import { canCompose, composed, composeDown, composeUp, isComposed } from "./lib/services/compose.ts";
import { readRecord } from "./lib/services/record.ts";
import { services } from "./lib/services/registry.ts";
import type { Service } from "./lib/services/service.ts";
import { down, isUp, up } from "./lib/services/up-down.ts";

const usage = "scripts/services up [--native] | down | status [NAME ...], or get NAME ENDPOINT";

const verbs: Readonly<Record<string, (service: Service) => Promise<void>>> = {
  async up(service) {
    const { name } = service;
    const log = (line: string): void => console.log(`${name}: ${line}`);
    const before = await endpointsOf(name);
    if (before === undefined && !(await startComposed(name, log))) await up(service, log);
    log(`${before === undefined ? "up" : "was up already"}${await shownEndpoints(name)}`);
  },
  async down(service) {
    const { name } = service;
    const wasUp = (await endpointsOf(name)) !== undefined;
    if (name in composed && (await isComposed(name))) await composeDown(name);
    await down(service);
    console.log(`${name}: ${wasUp ? "down" : "was not up"}`);
  },
  async get({ name }) {
    const endpoints = await endpointsOf(name);
    if (endpoints === undefined) throw new Error(`is not up: scripts/services up ${name}`);
    const value = endpoints[endpoint];
    if (value === undefined)
      throw new Error(`has no endpoint "${endpoint}"; it has ${Object.keys(endpoints).join(", ")}`);
    console.log(value);
  },
  async status({ name, summary }) {
    const shown = await shownEndpoints(name);
    console.log(`${name.padEnd(10)} ${shown === "" ? "down" : `up${shown}`}\n${"".padEnd(10)} ${summary}`);
  },
};

const { values, positionals, problem } = readArguments();
const [verb = "", ...rest] = positionals;
const [names, endpoint = ""] = verb === "get" ? [rest.slice(0, 1), rest[1]] : [rest];
const run = verbs[verb];
const complaint = problem ?? wrongWith();
if (run === undefined || complaint !== undefined) {
  console.error(complaint);
  process.exitCode = 2;
} else {
  for (const service of services.filter(({ name }) => names.length === 0 || names.includes(name))) {
    try {
      await run(service);
    } catch (error) {
      console.error(`${service.name}: ${messageOf(error)}`);
      process.exitCode = 1;
    }
  }
}

function readArguments() {
  const options = { native: { type: "boolean", default: false } } as const;
  try {
    return { ...parseArgs({ allowPositionals: true, options }), problem: undefined };
  } catch (error) {
    return { values: { native: false }, positionals: [], problem: `${messageOf(error)}: ${usage}` };
  }
}

function wrongWith(): string | undefined {
  if (run === undefined) return `unknown command "${verb}": ${usage}`;
  const unknown = names.find((name) => !services.some((service) => service.name === name));
  const known = services.map(({ name }) => name).join(", ");
  if (unknown !== undefined) return `unknown service "${unknown}": there are ${known}`;
  return verb === "get" && endpoint === "" ? `get needs a service and an endpoint: ${usage}` : undefined;
}

/** @returns false when it has to be started natively */
async function startComposed(name: string, log: (line: string) => void): Promise<boolean> {
  if (values.native || !(name in composed) || !(await canCompose())) return false;
  log("starting a container, as docker-compose.yml says");
  try {
    await composeUp(name);
    return true;
  } catch (error) {
    log(`${messageOf(error)}; starting it natively`);
    return false;
  }
}

/** Where a service is; undefined when it is not up. */
async function endpointsOf(name: string): Promise<Readonly<Record<string, string>> | undefined> {
  const record = isUp(name) ? readRecord(name) : undefined;
  if (record !== undefined && "endpoints" in record) return record.endpoints;
  const ofContainer = values.native ? undefined : composed[name];
  return ofContainer !== undefined && (await isComposed(name)) ? ofContainer : undefined;
}

async function shownEndpoints(name: string): Promise<string> {
  return Object.entries((await endpointsOf(name)) ?? {})
    .map(([key, value]) => `\n  ${key}: ${value}`)
    .join("");
}
