import type { Task, TaskDefinition } from "@aws-sdk/client-ecs";

import type { Config } from "../config.ts";

/** Where a container's log is. */
export interface LogPlace {
  readonly container: string;
  readonly group: string;
  readonly stream: string;
  /** Empty: that of the task. */
  readonly region: string;
}

/** Where the containers of a task log to, as far as they log to CloudWatch and the names are known. */
export function logPlaces(config: Config, definition: TaskDefinition, task: Task): readonly LogPlace[] {
  const taskId = (task.taskArn ?? "").split("/").at(-1) ?? "";
  return (definition.containerDefinitions ?? []).flatMap(({ name = "", logConfiguration }) => {
    const options = logConfiguration?.logDriver === "awslogs" ? (logConfiguration.options ?? {}) : undefined;
    if (options === undefined && !config.logGroup) return [];
    const group = config.logGroup || options?.["awslogs-group"];
    const prefix = options?.["awslogs-stream-prefix"];
    // Without a prefix, the agent names the stream after the container.
    const runtimeId = task.containers?.find((container) => container.name === name)?.runtimeId;
    const stream = prefix === undefined ? runtimeId : `${prefix}/${name}/${taskId}`;
    return group && stream ? [{ container: name, group, stream, region: options?.["awslogs-region"] ?? "" }] : [];
  });
}
