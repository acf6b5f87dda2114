import type { RegisterTaskDefinitionCommandInput, TaskDefinition } from "@aws-sdk/client-ecs";

import { EcsFailure } from "../failure.ts";
import { call, type EcsRun } from "../run.ts";
import { digest, tagKeys } from "./identity.ts";

/** The task definition of a job: the one it names, or the one made from its text, now or before. */
export async function findDefinition(run: EcsRun): Promise<TaskDefinition & { taskDefinitionArn: string }> {
  const { taskdefName = "", taskdefBody } = run.execution.config;
  if (taskdefBody === undefined) {
    const { definition } = await describe(run, taskdefName);
    return definition;
  }
  const hash = digest(JSON.stringify(taskdefBody));
  const { jobName } = run.execution;
  const family = typeof taskdefBody["family"] === "string" ? taskdefBody["family"] : familyOf(jobName);
  const latest = await describe(run, family).catch((error: unknown) => {
    if (error instanceof EcsFailure && ["TASK_DEFINITION_NOT_FOUND", "REQUEST_REFUSED"].includes(error.code))
      return undefined;
    throw error;
  });
  if (latest?.hash === hash && latest.definition.status !== "INACTIVE") return latest.definition;
  return register(run, { ...taskdefBody, family } as unknown as RegisterTaskDefinitionCommandInput, hash);
}

async function describe(run: EcsRun, taskDefinition: string) {
  const { ecs, commands } = run.clients;
  const asked = new commands.DescribeTaskDefinitionCommand({ taskDefinition, include: ["TAGS"] });
  const answer = await call("DescribeTaskDefinition", run.execution.signal, (options) => ecs.send(asked, options));
  const hash = answer.tags?.find(({ key }) => key === tagKeys.definition)?.value;
  return { definition: whole(answer.taskDefinition, taskDefinition), hash };
}

async function register(run: EcsRun, body: RegisterTaskDefinitionCommandInput, hash: string) {
  const { ecs, commands } = run.clients;
  const tags = [...(body.tags ?? []), { key: tagKeys.definition, value: hash }];
  const asked = new commands.RegisterTaskDefinitionCommand({ ...body, tags });
  const answer = await call("RegisterTaskDefinition", run.execution.signal, (options) => ecs.send(asked, options));
  run.evidence["registered"] = true;
  return whole(answer.taskDefinition, String(body.family));
}

function whole(definition: TaskDefinition | undefined, name: string) {
  const { taskDefinitionArn } = definition ?? {};
  if (taskDefinitionArn === undefined)
    throw new EcsFailure("TASK_DEFINITION_NOT_FOUND", `there is no task definition ${name}`);
  return { ...definition, taskDefinitionArn };
}

function familyOf(jobName: string): string {
  const name = jobName.replaceAll(/[^\w-]/g, "-").slice(0, 200);
  return name === "" ? "executor-host" : `executor-host-${name}`;
}
