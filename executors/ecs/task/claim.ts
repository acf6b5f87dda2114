import type { Failure, Task, TaskDefinition } from "@aws-sdk/client-ecs";

import { EcsFailure } from "../failure.ts";
import { call, unhurried, type EcsRun } from "../run.ts";
import { describeTasks } from "./describe.ts";
import { configDigest, startedBy, tagKeys } from "./identity.ts";
import { runTaskInput } from "./request.ts";

type Definition = TaskDefinition & { taskDefinitionArn: string };

/**
 * Start the execution's task, or find the one there is: by what it says it was started by, and where two ask at the same time, by the token
 * for which the service starts one task only.
 */
export async function claimTask(run: EcsRun, definition: Definition): Promise<string> {
  return (await findTask(run)) ?? startTask(run, definition);
}

/** The task there is of an execution. @throws {EcsFailure} `EXECUTION_ID_CONFLICT` */
export async function findTask(run: EcsRun): Promise<string | undefined> {
  const found = await lookForTask(run);
  if (found === undefined) return undefined;
  assertSame(run, found);
  run.execution.log.info("following the task there is", { task: found.taskArn });
  run.evidence["reattached"] = true;
  return found.taskArn;
}

async function startTask({ execution, clients }: EcsRun, definition: Definition): Promise<string> {
  const { ecs, commands } = clients;
  const asked = new commands.RunTaskCommand(runTaskInput(execution, definition));
  execution.signal.throwIfAborted();
  // Not broken off: a task whose start nobody has heard of would run for nobody.
  const { tasks = [], failures = [] } = await call("RunTask", unhurried(), (options) => ecs.send(asked, options));
  const arn = tasks[0]?.taskArn;
  if (arn === undefined) throw placementFailure(failures);
  return arn;
}

/** Reasons that pass, as the service writes them. */
const passing = /^(RESOURCE|AGENT|CAPACITY|EMPTY)|capacity|insufficient|no container instance/i;

function placementFailure(failures: readonly Failure[]): EcsFailure {
  const reasons = failures.map(({ reason, detail }) => [reason, detail].filter(Boolean).join(": ")).join("; ");
  const code = passing.test(reasons) || failures.length === 0 ? "NO_CAPACITY" : "REQUEST_REFUSED";
  return new EcsFailure(code, `no task was started: ${reasons || "the service gave no reason"}`);
}

/** This attempt's task, also when it has ended; or that of the last attempt while it runs: it is still the same work. */
async function lookForTask(run: EcsRun): Promise<(Task & { taskArn: string }) | undefined> {
  const { id, attempt } = run.execution;
  const looks = [
    { attempt, desiredStatus: "RUNNING" },
    { attempt, desiredStatus: "STOPPED" },
    ...(attempt > 1 ? [{ attempt: attempt - 1, desiredStatus: "RUNNING" } as const] : []),
  ] as const;
  for (const { attempt: which, desiredStatus } of looks) {
    const by = startedBy({ id, attempt: which });
    const arns = await listTasks(run, by, desiredStatus);
    // Not every stand-in for the service looks for startedBy.
    const tasks = arns.length === 0 ? [] : (await describeTasks(run, arns, run.execution.signal)).tasks;
    const task = tasks.find((one) => one.startedBy === by);
    if (task?.taskArn !== undefined) return { ...task, taskArn: task.taskArn };
  }
  return undefined;
}

async function listTasks(
  { execution, clients }: EcsRun,
  by: string,
  desiredStatus: "RUNNING" | "STOPPED",
): Promise<string[]> {
  const { ecs, commands } = clients;
  const { cluster } = execution.config;
  const asked = new commands.ListTasksCommand({ cluster, startedBy: by, desiredStatus });
  return (await call("ListTasks", execution.signal, (options) => ecs.send(asked, options))).taskArns ?? [];
}

function assertSame({ execution }: EcsRun, { taskArn, tags = [] }: Task): void {
  const tagged = tags.find(({ key }) => key === tagKeys.config)?.value;
  if (tagged === undefined || tagged === configDigest(execution.config)) return;
  throw new EcsFailure("EXECUTION_ID_CONFLICT", `${taskArn} belongs to an execution with another config`, {
    hint: "give each execution an id of its own",
  });
}
