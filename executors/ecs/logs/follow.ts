import type { Task, TaskDefinition } from "@aws-sdk/client-ecs";

import { isNotFound } from "../client/aws-failure.ts";
import { EcsFailure, isPassing, messageOf } from "../failure.ts";
import { call, type EcsRun } from "../run.ts";
import { BackOff, pause } from "../task/pause.ts";
import { logPlaces, type LogPlace } from "./places.ts";

/** Passes on what a task's containers log: each event once, in the order of each container's stream. */
export class TaskLogs {
  readonly #run: EcsRun;
  readonly #definition: TaskDefinition;
  readonly #signal: AbortSignal;
  readonly #followed = new Map<string, Promise<void>>();
  #isOver = false;

  constructor(run: EcsRun, definition: TaskDefinition, signal: AbortSignal) {
    this.#run = run;
    this.#definition = definition;
    this.#signal = signal;
  }

  /** Follow the streams that a look at the task has shown. */
  add(task: Task): void {
    const { config } = this.#run.execution;
    if (!config.logs) return;
    const places = logPlaces(config, this.#definition, task);
    for (const place of places) {
      if (this.#followed.has(place.container)) continue;
      const isOnly = (this.#definition.containerDefinitions ?? []).length === 1;
      this.#followed.set(place.container, this.#follow(place, isOnly ? "" : `[${place.container}] `));
    }
  }

  /** The task has ended: read on until nothing has come for a while. Never rejects. */
  async drained(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#followed.values());
  }

  async #follow(place: LogPlace, prefix: string): Promise<void> {
    const { execution } = this.#run;
    try {
      await this.#read(place, prefix);
    } catch (error) {
      if (this.#signal.aborted) return;
      execution.warn(`the log of container ${place.container} is not complete: ${messageOf(error)}`);
    }
  }

  async #read(place: LogPlace, prefix: string): Promise<void> {
    const { config, stdout } = this.#run.execution;
    let backOff = new BackOff(config.poll_interval);
    let token: string | undefined;
    let quietSince = performance.now();
    let hasBegun = false;
    for (;;) {
      const wasOver = this.#isOver;
      const page = await this.#page(place, token);
      if (page !== undefined) {
        hasBegun = true;
        const isAtEnd = page.token === token;
        token = page.token ?? token;
        for (const message of page.messages) {
          if (!stdout.write(`${prefix}${message}\n`)) await stdout.drained();
        }
        if (page.messages.length > 0) {
          quietSince = performance.now();
          backOff = new BackOff(config.poll_interval);
        }
        if (!isAtEnd) continue;
      }
      if (!wasOver) quietSince = performance.now();
      else if (performance.now() - quietSince >= config.log_drain) {
        if (!hasBegun)
          throw new EcsFailure("REQUEST_REFUSED", `there is no log stream ${place.stream} in ${place.group}`);
        return;
      }
      if (wasOver) await pause(Math.min(config.poll_interval, Math.max(10, config.log_drain / 5)), this.#signal);
      else await backOff.wait(this.#signal);
    }
  }

  /** @returns undefined when there is no such stream yet, or the service is not well just now */
  async #page({ group, stream, region }: LogPlace, nextToken: string | undefined) {
    const { clients, execution } = this.#run;
    const client = clients.logs(region);
    const asked = new clients.logCommands.GetLogEventsCommand({
      logGroupName: group,
      logStreamName: stream,
      startFromHead: true,
      ...(nextToken !== undefined && { nextToken }),
    });
    try {
      const { events = [], nextForwardToken } = await call("GetLogEvents", this.#signal, async (options) => {
        try {
          return await client.send(asked, options);
        } catch (error) {
          if (isNotFound(error)) return { events: undefined, nextForwardToken: undefined };
          throw error;
        }
      });
      if (nextForwardToken === undefined) return undefined;
      return { messages: events.map(({ message = "" }) => message), token: nextForwardToken };
    } catch (error) {
      if (this.#signal.aborted || !isPassing(error)) throw error;
      execution.log.warn("cannot read the log", { stream, error: messageOf(error) });
      return undefined;
    }
  }
}
