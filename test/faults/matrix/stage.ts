import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { globSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EventStream } from "../../../host/client/event-stream.ts";
import type { ExecutionRequest, Executor } from "../../../host/client/types.ts";
import { isHostError } from "@executor-host/proto/shared/error";
import { collect, until } from "../../support/collect.ts";
import { eventually } from "../../support/eventually.ts";
import { instanceOf, taggedProcesses } from "../../support/processes.ts";
import { TestHost, type TestHostOptions } from "../../support/test-host.ts";
import { verdictOf, type Played, type Verdict } from "./fault-row.ts";

/** What a scene has seen. */
export interface Seen {
  readonly verdict?: Verdict;
  readonly siblings?: readonly Verdict[];
}

/** One fault, from the moment before it until its consequence is known. */
export type Scene = (stage: Stage) => Promise<Seen>;

export interface Play extends TestHostOptions {
  /** Before the host starts. What it returns is disposed of when the host has stopped. */
  readonly prepare?: (host: TestHost) => Promise<Disposable | void>;
  readonly scene: Scene;
  /** An execution that must succeed when it is over. */
  readonly next: (stage: Stage) => ExecutionRequest | Promise<ExecutionRequest>;
}

/** For what must succeed as soon as it can: a start that fails is followed by a pause. */
const untilItWorks = { maxAttempts: 200, initialBackoffMs: 10, maxBackoffMs: 50 };

/** A real host with an executor that will be harmed, and another one that is at work beside it. */
export class Stage {
  readonly host: TestHost;
  #struckMs: number | undefined;

  constructor(host: TestHost) {
    this.host = host;
  }

  /** Do the damage. Time counts from here. */
  async strike(act: () => void | Promise<void>): Promise<void> {
    this.#struckMs = performance.now();
    await act();
  }

  /** Since the damage was done; undefined when it was not. */
  get elapsedMs(): number | undefined {
    return this.#struckMs === undefined ? undefined : performance.now() - this.#struckMs;
  }

  /** What waits may go on. @returns the path of the file that is there now */
  open(name = "open"): string {
    const file = this.host.path(name);
    writeFileSync(file, "");
    return file;
  }

  /** Start an execution, and wait for an event of it. */
  async begin(
    request: ExecutionRequest,
    type: "started" | "output" | "state" = "started",
  ): Promise<{ id: string; stream: EventStream; pid: number }> {
    const id = request.id ?? "struck";
    const stream = this.host.client.execute({ id, ...request });
    await until(stream, (event) => event.type === type);
    const { attempts } = await this.host.client.get(id);
    return { id, stream, pid: attempts.at(-1)?.executorPid ?? 0 };
  }

  /** The end of an execution that was begun. */
  async verdictOf({ stream }: { readonly stream: EventStream }): Promise<Verdict> {
    const last = (await Array.fromAsync(stream)).at(-1);
    assert(last?.type === "result", "an execution ends with its result");
    return verdictOf(last.result);
  }

  /** A submission that must be refused. */
  async refusalOf(request: ExecutionRequest): Promise<Verdict> {
    return refusalOf(() => this.host.client.submit(request));
  }

  async executor(name: string): Promise<Executor> {
    const { executors } = await this.host.client.listExecutors();
    const found = executors.find((executor) => executor.name === name);
    assert(found !== undefined, `there is an executor ${name}`);
    return found;
  }

  /** Run what must succeed, as soon as it can. */
  async succeed(request: ExecutionRequest): Promise<void> {
    const id = request.id ?? randomUUID();
    const { result } = await collect(this.host.client.execute({ retry: untilItWorks, ...request, id }));
    assert.equal(result.outcome, "SUCCEEDED", `${result.code} ${result.message}`);
    const { attempts } = await this.host.client.get(id);
    const others = attempts.slice(0, -1).map((attempt) => attempt.result?.outcome);
    assert(
      others.every((outcome) => outcome === "NOT_STARTED"),
      `nothing else has failed on the way: ${others.join(", ")}`,
    );
  }
}

/** An error at once, in the words of a verdict: what was refused had no effect. */
export async function refusalOf(submit: () => Promise<unknown>): Promise<Verdict> {
  const error: unknown = await submit().then(
    () => assert.fail("it was accepted"),
    (reason: unknown) => reason,
  );
  if (!isHostError(error)) throw error;
  const { code, retryable } = error;
  return { outcome: "REFUSED", code, effect: "NONE", retryability: retryable ? "RETRYABLE" : "UNKNOWN" };
}

const neighbour = "gate";

/** Play a fault of an executor. */
export async function play({ prepare, scene, next, ...options }: Play): Promise<Played> {
  await using host = await TestHost.prepare({ ...options, executors: [...(options.executors ?? []), neighbour] });
  using cleanUp = new DisposableStack();
  cleanUp.use((await prepare?.(host)) ?? undefined);
  await host.start();
  const stage = new Stage(host);
  const file = host.path("neighbour-may-end");
  const beside = await stage.begin({ id: "neighbour", executor: neighbour, config: { file } });

  const { verdict, siblings = [] } = await scene(stage);
  const detectMs = stage.elapsedMs;
  const recoveringMs = performance.now();
  await stage.succeed(await next(stage));
  const recoverMs = performance.now() - recoveringMs;

  assert.equal((await host.client.get(beside.id)).state, "RUNNING", "the neighbour goes on");
  stage.open("neighbour-may-end");
  const { result } = await collect(host.client.watch(beside.id));
  assert.deepEqual([result.outcome, result.evidence?.["pid"]], ["SUCCEEDED", beside.pid], "in the same process");
  await Array.fromAsync(beside.stream);
  await assertOnlyExecutorsAreLeft(host, beside.pid);
  await host.stop();
  return { verdict, siblings, detectMs, recoverMs };
}

/** While the host runs: no processes but those it knows, and no sockets of others. */
async function assertOnlyExecutorsAreLeft(host: TestHost, executor: number): Promise<void> {
  const instanceId = instanceOf(executor);
  let facts = "";
  await eventually("only executors are left", async () => {
    const { executors } = await host.client.listExecutors();
    const pids = executors.flatMap(({ processes }) => processes.map(({ pid }) => pid));
    const others = taggedProcesses(instanceId).filter(({ pid }) => !pids.includes(pid));
    const sockets = globSync(join(host.settings.runtimeDir, "*", "*"));
    facts = `${others.map(({ pid, command }) => `${pid} ${command}`).join("; ")}; ${sockets.length} directories of sockets for ${pids.length} processes`;
    return others.length === 0 && sockets.length <= pids.length;
  }).catch(() => assert.fail(`left behind: ${facts}`));
}
