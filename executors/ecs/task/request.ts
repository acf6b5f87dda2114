import type { ContainerOverride, RunTaskCommandInput, TaskDefinition } from "@aws-sdk/client-ecs";
import { ConfigError, type Execution, type Violation } from "@executor-host/sdk";

import type { Config } from "../config.ts";
import { clientToken, startedBy, tagsOf } from "./identity.ts";

/** What the service is told to start. @throws {ConfigError} for containers that the definition does not have */
export function runTaskInput(
  execution: Execution<Config>,
  definition: TaskDefinition & { taskDefinitionArn: string },
): RunTaskCommandInput {
  const { config } = execution;
  const launchType = config.launch_type ?? (config.fargate ? "FARGATE" : undefined);
  return {
    ...config.run_task,
    cluster: config.cluster,
    taskDefinition: definition.taskDefinitionArn,
    count: 1,
    clientToken: clientToken(execution),
    startedBy: startedBy(execution),
    tags: tagsOf(execution),
    enableECSManagedTags: config.managed_tags,
    enableExecuteCommand: config.enableExecuteCommand,
    ...(config.propagateTags === "TASK_DEFINITION" && { propagateTags: "TASK_DEFINITION" }),
    ...(launchType !== undefined && { launchType }),
    ...(config.capacity_providers.length > 0 && {
      capacityProviderStrategy: config.capacity_providers.map(({ provider, weight, base }) => ({
        capacityProvider: provider,
        weight,
        base,
      })),
    }),
    ...(config.platform_version && { platformVersion: config.platform_version }),
    ...(config.group && { group: config.group }),
    ...(config.subnet.length > 0 && {
      networkConfiguration: {
        awsvpcConfiguration: {
          subnets: [...config.subnet],
          securityGroups: [...config.securityGroup],
          assignPublicIp: config.assign_public_ip ? "ENABLED" : "DISABLED",
        },
      },
    }),
    overrides: {
      containerOverrides: containerOverrides(execution, definition),
      ...(config.task_cpu && { cpu: config.task_cpu }),
      ...(config.task_memory && { memory: config.task_memory }),
      ...(config.task_role && { taskRoleArn: config.task_role }),
      ...(config.execution_role && { executionRoleArn: config.execution_role }),
      ...(config.ephemeral_storage !== undefined && { ephemeralStorage: { sizeInGiB: config.ephemeral_storage } }),
    },
  };
}

/** The service would start a task with a container unchanged whose override it cannot place. */
function containerOverrides(execution: Execution<Config>, definition: TaskDefinition): ContainerOverride[] {
  const { config } = execution;
  const known = (definition.containerDefinitions ?? []).flatMap(({ name }) => name ?? []);
  const overrides = new Map<string, ContainerOverride>();
  const main = config.service || (known.length === 1 ? known[0] : undefined);
  const violations: Violation[] = [];
  const assertKnown = (field: string, name: string): void => {
    if (!known.includes(name))
      violations.push({
        field,
        message: `"${name}" is no container of the task definition`,
        hint: `it has ${known.join(", ")}`,
      });
  };
  if (main === undefined && (config.overrides.length > 0 || Object.keys(config.env).length > 0)) {
    violations.push({
      field: "service",
      message: "is required, as the task has several containers",
      hint: `one of ${known.join(", ")}`,
    });
  }
  if (config.service) assertKnown("service", config.service);
  for (const name of known) overrides.set(name, { name, environment: pairs(environment(execution)) });
  if (main !== undefined) {
    overrides.set(main, {
      name: main,
      environment: pairs({ ...environment(execution), ...config.env }),
      ...(config.overrides.length > 0 && { command: [...config.overrides] }),
    });
  }
  for (const [index, one] of config.container_overrides.entries()) {
    assertKnown(`container_overrides[${index}].name`, one.name);
    const before = overrides.get(one.name);
    overrides.set(one.name, {
      ...before,
      name: one.name,
      environment: [...(before?.environment ?? []), ...pairs(one.env)],
      ...(one.command !== undefined && { command: [...one.command] }),
      ...(one.env_files.length > 0 && {
        environmentFiles: one.env_files.map((value) => ({ type: "s3" as const, value })),
      }),
      ...(one.cpu !== undefined && { cpu: one.cpu }),
      ...(one.memory !== undefined && { memory: one.memory }),
      ...(one.memory_reservation !== undefined && { memoryReservation: one.memory_reservation }),
      ...(one.gpus !== undefined && { resourceRequirements: [{ type: "GPU" as const, value: String(one.gpus) }] }),
    });
  }
  if (violations.length > 0) throw new ConfigError(violations);
  return [...overrides.values()];
}

function environment({ id, attempt, jobName, deadline, traceContext }: Execution<Config>): Record<string, string> {
  return {
    EXECUTION_ID: id,
    EXECUTION_ATTEMPT: String(attempt),
    ...(jobName !== "" && { JOB_NAME: jobName }),
    ...(deadline !== undefined && { EXECUTION_DEADLINE: deadline.toISOString() }),
    ...(traceContext["traceparent"] !== undefined && { TRACEPARENT: traceContext["traceparent"] }),
  };
}

function pairs(values: Readonly<Record<string, string>>): { name: string; value: string }[] {
  return Object.entries(values).map(([name, value]) => ({ name, value }));
}
