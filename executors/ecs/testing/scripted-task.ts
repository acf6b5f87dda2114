import {
  runExecutor,
  startExecutor,
  type LocalRun,
  type RunOptions,
  type StartedRun,
} from "@executor-host/sdk/testing";

import { createEcsExecutor } from "../definition.ts";
import { ScriptedApi, type Answer, type Call } from "./scripted-api.ts";

export const taskArn = "arn:aws:ecs:eu-west-1:123456789012:task/default/0123456789abcdef0123456789abcdef";
const definitionArn = "arn:aws:ecs:eu-west-1:123456789012:task-definition/batch:7";

/** What happens, by name of the call. */
export type Happenings = Readonly<Record<string, (input: Call["input"]) => Answer | undefined>>;

/** A service in which one task goes as a test says, and an executor of its own that speaks to it. */
export class ScriptedTask implements AsyncDisposable {
  readonly api: ScriptedApi;
  readonly definition = createEcsExecutor();

  private constructor(api: ScriptedApi) {
    this.api = api;
  }

  static async start(happenings: Happenings): Promise<ScriptedTask> {
    const all: Happenings = { ...usual, ...happenings };
    return new ScriptedTask(await ScriptedApi.start(({ name, input }) => all[name]?.(input) ?? undefined));
  }

  run(config: Record<string, string> = {}, options: RunOptions = {}): Promise<LocalRun> {
    return runExecutor(this.definition, this.config(config), options);
  }

  begin(config: Record<string, string> = {}, options: RunOptions = {}): StartedRun<LocalRun> {
    return startExecutor(this.definition, this.config(config), options);
  }

  config(config: Record<string, string>): Record<string, string> {
    return {
      ...{
        taskdefName: "batch",
        region: "eu-west-1",
        endpoint: this.api.url,
        access_key_id: "id",
        secret_access_key: "key",
      },
      ...{ poll_interval: "10ms", log_drain: "50ms" },
      ...config,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.definition.close?.();
    await this.api[Symbol.asyncDispose]();
  }
}

const log = { logDriver: "awslogs", options: { "awslogs-group": "/batch", "awslogs-stream-prefix": "run" } };

export const definitionOf = (...containers: readonly (readonly [name: string, essential: boolean])[]): Answer => ({
  taskDefinition: {
    taskDefinitionArn: definitionArn,
    status: "ACTIVE",
    containerDefinitions: containers.map(([name, essential]) => ({ name, essential, logConfiguration: log })),
  },
});

/** A task in some state; a container is its name and what is known of it. */
export function taskIn(lastStatus: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    taskArn,
    lastStatus,
    containers: [{ name: "main", ...(lastStatus === "STOPPED" && { exitCode: 0 }) }],
    ...more,
  };
}

/** States in turn; the last one stays. */
export function inTurn(...states: readonly Answer[]): () => Answer {
  let next = 0;
  return () => states[Math.min(next++, states.length - 1)] ?? {};
}

const usual: Happenings = {
  DescribeTaskDefinition: () => definitionOf(["main", true]),
  ListTasks: () => ({ taskArns: [] }),
  RunTask: () => ({ tasks: [{ taskArn }], failures: [] }),
  DescribeTasks: () => ({ tasks: [taskIn("STOPPED", { stopCode: "EssentialContainerExited" })] }),
  StopTask: () => ({ task: {} }),
  GetLogEvents: () => ({ error: "ResourceNotFoundException" }),
};
