/**
 * Starts and stops the systems that tests run against.
 *
 *   scripts/services up [NAME ...]      start them; quick for those that are up
 *   scripts/services down [NAME ...]    stop them
 *   scripts/services status             what is up, and where
 *   scripts/services get NAME ENDPOINT  one endpoint of one that is up, for use in a command line
 *
 * Without a name: all of them. What they need is installed when it is missing.
 */
import { messageOf } from "@executor-host/proto/shared/error";
import { readRecord } from "./lib/services/record.ts";
import { services } from "./lib/services/registry.ts";
import type { Service } from "./lib/services/service.ts";
import { down, isUp, up } from "./lib/services/up-down.ts";

const [verb = "", ...rest] = process.argv.slice(2);
const [names, endpoint = ""] = verb === "get" ? [rest.slice(0, 1), rest[1]] : [rest];
const unknown = names.filter((name) => !services.some((service) => service.name === name));
const chosen = services.filter(({ name }) => names.length === 0 || names.includes(name));
const known = services.map(({ name }) => name).join(", ");

const verbs: Readonly<Record<string, (service: Service) => Promise<void> | void>> = {
  async up(service) {
    const started = await up(service, (line) => console.log(`${service.name}: ${line}`));
    console.log(`${service.name}: ${started ? "up" : "was up already"}${endpointsOf(service)}`);
  },
  async down(service) {
    const wasUp = isUp(service.name);
    await down(service);
    console.log(`${service.name}: ${wasUp ? "down" : "was not up"}`);
  },
  get({ name }) {
    const record = readRecord(name);
    const endpoints = record !== undefined && "endpoints" in record ? record.endpoints : undefined;
    if (endpoints === undefined) throw new Error(`is not up: scripts/services up ${name}`);
    const value = endpoints[endpoint];
    if (value === undefined)
      throw new Error(`has no endpoint "${endpoint}"; it has ${Object.keys(endpoints).join(", ")}`);
    console.log(value);
  },
  status(service) {
    const state = isUp(service.name) ? `up${endpointsOf(service)}` : "down";
    console.log(`${service.name.padEnd(10)} ${state}\n${"".padEnd(10)} ${service.summary}`);
  },
};

const run = verbs[verb];
const usage = "scripts/services up|down|status [NAME ...], or get NAME ENDPOINT";
const problem =
  run === undefined
    ? `unknown command "${verb}": ${usage}`
    : unknown.length > 0
      ? `unknown service "${unknown[0]}": there are ${known}`
      : verb === "get" && endpoint === ""
        ? `get needs a service and an endpoint: ${usage}`
        : undefined;
if (run === undefined || problem !== undefined) {
  console.error(problem);
  process.exitCode = 2;
} else {
  for (const service of chosen) {
    try {
      await run(service);
    } catch (error) {
      console.error(`${service.name}: ${messageOf(error)}`);
      process.exitCode = 1;
    }
  }
}

function endpointsOf({ name }: Service): string {
  const record = readRecord(name);
  if (record === undefined || "problem" in record) return "";
  return Object.entries(record.endpoints)
    .map(([key, value]) => `\n  ${key}: ${value}`)
    .join("");
}
