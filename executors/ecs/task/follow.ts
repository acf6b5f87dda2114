import type { Task } from "@aws-sdk/client-ecs";

import { limits } from "../defaults.ts";
import { EcsFailure, isPassing, messageOf } from "../failure.ts";
import type { EcsRun } from "../run.ts";
import { describeTasks } from "./describe.ts";
import { BackOff } from "./pause.ts";

/**
 * Look at a task until it has stopped, however long that takes, across times when the service does not answer.
 *
 * @param seen called with each look
 * @throws {EcsFailure} `TASK_GONE`, `API_LOST`, and what does not pass, such as `ACCESS_DENIED`
 */
export async function followTask(
  run: EcsRun,
  arn: string,
  signal: AbortSignal,
  seen: (task: Task) => void,
): Promise<Task> {
  const { config, log } = run.execution;
  const since = { known: performance.now(), answered: performance.now() };
  let status: string | undefined;
  let backOff = new BackOff(config.poll_interval);
  for (;;) {
    try {
      const [task] = (await describeTasks(run, [arn], signal)).tasks;
      since.answered = performance.now();
      if (task !== undefined) {
        since.known = performance.now();
        seen(task);
        if (task.lastStatus === "STOPPED") return task;
        if (task.lastStatus !== status) {
          status = task.lastStatus;
          // What changes now may soon change again.
          backOff = new BackOff(config.poll_interval);
          run.execution.progress({ message: status ?? "", details: { status: status ?? "" } });
        }
      } else if (performance.now() - since.known > limits.unknownTaskMs) {
        throw new EcsFailure("TASK_GONE", `the service no longer knows ${arn}`, {
          hint: "it forgets tasks about an hour after their end",
        });
      }
    } catch (error) {
      if (signal.aborted || !isPassing(error)) throw error;
      if (performance.now() - since.answered > config.api_timeout) {
        throw new EcsFailure(
          "API_LOST",
          `ECS has not answered for ${config.api_timeout / 1000}s: ${messageOf(error)}`,
          {
            hint: "the task may still run; the same execution id finds it again",
            cause: error,
          },
        );
      }
      log.warn("cannot look at the task", { task: arn, error: messageOf(error) });
    }
    await backOff.wait(signal);
  }
}
