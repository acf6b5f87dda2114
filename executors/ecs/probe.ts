import type { ProbeContext, ProbeReport } from "@executor-host/sdk";

import { awsFailure } from "./client/aws-failure.ts";
import type { ClientPool, Clients } from "./client/clients.ts";
import type { Config } from "./config.ts";
import { EcsFailure } from "./failure.ts";

/** A task that does not exist. */
const nobody = "00000000000000000000000000000000";

interface Question {
  readonly permission: string;
  ask(clients: Clients, config: Config, options: { abortSignal: AbortSignal }): Promise<unknown>;
}

/** Calls that change nothing, and tell whether they would be allowed. The service looks at permissions before anything else. */
const questions: readonly Question[] = [
  {
    permission: "ecs:ListTasks",
    ask: ({ ecs, commands }, { cluster }, options) =>
      ecs.send(new commands.ListTasksCommand({ cluster, maxResults: 1 }), options),
  },
  {
    permission: "ecs:DescribeTasks",
    ask: ({ ecs, commands }, { cluster }, options) =>
      ecs.send(new commands.DescribeTasksCommand({ cluster, tasks: [nobody] }), options),
  },
  {
    permission: "ecs:DescribeTaskDefinition",
    ask: async ({ ecs, commands }, { taskdefName }, options) => {
      if (taskdefName)
        await ecs.send(new commands.DescribeTaskDefinitionCommand({ taskDefinition: taskdefName }), options);
    },
  },
  {
    permission: "ecs:StopTask",
    ask: ({ ecs, commands }, { cluster }, options) =>
      ecs.send(new commands.StopTaskCommand({ cluster, task: nobody }), options),
  },
  {
    // No task is started: the service refuses a count of zero.
    permission: "ecs:RunTask",
    ask: async ({ ecs, commands }, { cluster, taskdefName }, options) => {
      if (taskdefName)
        await ecs.send(new commands.RunTaskCommand({ cluster, taskDefinition: taskdefName, count: 0 }), options);
    },
  },
  {
    permission: "logs:GetLogEvents",
    ask: async (clients, { logGroup }, options) => {
      if (!logGroup) return;
      const asked = new clients.logCommands.GetLogEventsCommand({
        logGroupName: logGroup,
        logStreamName: nobody,
        limit: 1,
      });
      await clients.logs().send(asked, options);
    },
  },
];

/** What ends the questions; other refusals only say that there is no such task. */
const decisive = new Set([
  "API_UNREACHABLE",
  "CREDENTIALS_UNUSABLE",
  "REGION_MISSING",
  "CLUSTER_NOT_FOUND",
  "TASK_DEFINITION_NOT_FOUND",
]);

/** Reach the service, and see which of the permissions that a job needs are missing. */
export async function probe({ config, signal }: ProbeContext<Config>, pool: ClientPool): Promise<ProbeReport> {
  const clients = await pool.of(config);
  const missing: string[] = [];
  for (const { permission, ask } of questions) {
    try {
      await ask(clients, config, { abortSignal: signal });
    } catch (error) {
      signal.throwIfAborted();
      const failure = awsFailure(error, permission);
      if (!(failure instanceof EcsFailure)) throw failure;
      if (failure.code === "ACCESS_DENIED") missing.push(permission);
      else if (decisive.has(failure.code))
        return {
          ok: false,
          message: failure.message,
          code: failure.code,
          details: failure.hint === undefined ? {} : { hint: failure.hint },
        };
    }
  }
  const details = { missing, checked: questions.map(({ permission }) => permission) };
  if (missing.length > 0)
    return { ok: false, message: `not allowed: ${missing.join(", ")}`, code: "ACCESS_DENIED", details };
  return { ok: true, message: `ECS answers for cluster ${config.cluster}, and lets us in`, details };
}
