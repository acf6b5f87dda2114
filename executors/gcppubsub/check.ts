import type { Violation } from "@executor-host/sdk";
import { oneAtMost } from "@executor-host/sdk/remote";

import type { Config } from "./config.ts";

/** Keys that give the content of a message. */
const dataKeys = ["data", "data_text", "data_json", "data_file"] as const;

/** Contradictions between keys. */
export function check(config: Config): Violation[] {
  return [
    ...oneAtMost(config, [...dataKeys, "messages", "messages_file"]),
    ...oneAtMost(config, ["credentials", "credentials_file"]),
    ...oneAtMost(config, ["emulator", "endpoint"]),
    ...oneAtMost(config, ["emulator", "credentials", "credentials_file"]),
    ...checkTopic(config),
    ...checkContent(config),
  ];
}

function checkTopic({ project, topic }: Config): Violation[] {
  const ofTopic = /^projects\/([^/]+)\//.exec(topic)?.[1];
  if (project === undefined && ofTopic === undefined) {
    return [violation("project", "is required", "name the project, or write topic as projects/PROJECT/topics/ID")];
  }
  if (project !== undefined && ofTopic !== undefined && project !== ofTopic) {
    return [violation("topic", "belongs to another project", "leave project out, or name the topic by its id alone")];
  }
  return [];
}

function checkContent(config: Config): Violation[] {
  const { attributes, messages, messages_file: file } = config;
  const batch = messages === undefined ? (file === undefined ? undefined : "messages_file") : "messages";
  if (batch !== undefined) {
    return (["attributes", "ordering_key"] as const)
      .filter((key) => config[key] !== undefined)
      .map((key) => violation(key, `cannot be combined with ${batch}`, "each message has its own"));
  }
  const content = dataKeys.filter((key) => config[key] !== undefined);
  const isEmpty = content.every((key) => config[key]?.length === 0) && Object.keys(attributes ?? {}).length === 0;
  return isEmpty
    ? [violation(content[0] ?? "data", "is required, or attributes", "Pub/Sub takes no empty message")]
    : [];
}

function violation(field: string, message: string, hint: string): Violation {
  return { field, message, hint };
}
