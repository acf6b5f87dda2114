import type { Task } from "@aws-sdk/client-ecs";

import { call, type EcsRun } from "../run.ts";

/** What the service knows of tasks. @param arns up to 100 */
export async function describeTasks(
  { execution, clients }: EcsRun,
  arns: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly tasks: readonly Task[] }> {
  const { ecs, commands } = clients;
  const asked = new commands.DescribeTasksCommand({
    cluster: execution.config.cluster,
    tasks: [...arns].slice(0, 100),
    include: ["TAGS"],
  });
  const { tasks = [] } = await call("DescribeTasks", signal, (options) => ecs.send(asked, options));
  return { tasks };
}
