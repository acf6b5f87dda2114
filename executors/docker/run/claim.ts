import { limits } from "../defaults.ts";
import type { ContainerFacts, ContainerSpec } from "../engine/engine.ts";
import { tarOf, type JobFile } from "../container/files.ts";
import { configDigest, containerName, isKeptName, labelKeys } from "../container/names.ts";
import { containerSpec } from "../container/spec.ts";
import { DockerFailure } from "../failure.ts";
import { pullImage } from "../image/pull.ts";
import { pause } from "./pause.ts";
import { unhurried, type DockerRun } from "./run.ts";

/** The one container of an execution. */
export interface Claim {
  readonly id: string;
  readonly name: string;
  /** Made now, and not started yet. Otherwise it was found, and was started before. */
  readonly isNew: boolean;
}

/**
 * Make the execution's container, or find the one there is.
 *
 * The engine gives a name to one container only. So whoever makes it owns the start, and everybody else who comes with the same execution id,
 * be it another host or this one after a crash, follows that container.
 *
 * @throws {DockerFailure}
 */
export async function claimContainer(run: DockerRun): Promise<Claim> {
  const { execution, engine, policy, owner } = run;
  const { config, signal } = execution;
  const earlier = execution.attempt > 1 ? await findEarlier(run) : undefined;
  if (earlier !== undefined) return earlier;
  const name = containerName(execution);
  if (config.pull === "always") await pull(run);
  const spec = containerSpec(execution, await engine.facts(), policy, owner);
  let pulled = config.pull === "always";
  for (let claim = 0; claim < limits.claims; claim++) {
    signal.throwIfAborted();
    const made = await engine.create(name, spec, config.platform || undefined, unhurried());
    if (made.kind === "created") {
      for (const warning of made.warnings) execution.warn(`the engine says: ${warning}`);
      return await prepared(run, { id: made.id, name, isNew: true });
    }
    if (made.kind === "name-taken") {
      const found = await follower(run, name);
      if (found !== undefined) return found;
      // An engine gives a name away a moment before it shows the container.
      await pause(limits.startPollMs, signal);
    } else {
      if (pulled || config.pull === "never") throw noImage(spec, config.pull);
      await pull(run);
      pulled = true;
    }
  }
  throw new DockerFailure("CONTAINER_REFUSED", `containers of the name ${name} come and go`, {
    hint: "is somebody removing them?",
  });
}

/**
 * The newest container that an execution has left, for it to be stopped. One that was never started is removed.
 *
 * @throws {DockerFailure}
 */
export async function findContainer(run: DockerRun): Promise<Claim | undefined> {
  const { execution, engine } = run;
  const [name] = await containersOf(run, unhurried());
  const facts = name === undefined ? undefined : await engine.inspect(name, unhurried());
  if (name === undefined || facts === undefined) return undefined;
  assertSame(run, facts);
  if (facts.State.Status === "created") {
    await engine.remove(facts.Id, unhurried());
    return undefined;
  }
  execution.log.info("stopping the container there is", { container: name });
  run.evidence["reattached"] = true;
  return { id: facts.Id, name, isNew: false };
}

async function pull(run: DockerRun): Promise<void> {
  run.evidence["pullMs"] = Math.round(await pullImage(run.execution, run.engine));
}

function noImage({ Image }: ContainerSpec, policy: string): DockerFailure {
  return new DockerFailure("IMAGE_NOT_FOUND", `the engine has no image ${Image}`, {
    hint:
      policy === "never"
        ? "bring it to the engine, or do not set pull=never"
        : "it was pulled, but perhaps for another platform",
  });
}

/** Put the job's files in. A container that cannot be completed goes again. */
async function prepared({ execution, engine }: DockerRun, claim: Claim): Promise<Claim> {
  const { files } = execution.config;
  if (files.length === 0) return claim;
  try {
    const archive = tarOf(files.map(toJobFile));
    await engine.putFiles(claim.id, archive, execution.signal);
    return claim;
  } catch (error) {
    await engine.remove(claim.id, unhurried());
    throw error;
  }
}

function toJobFile({
  path,
  content,
  content_base64,
  mode,
}: DockerRun["execution"]["config"]["files"][number]): JobFile {
  return { path, content: content_base64 ?? Buffer.from(content ?? ""), mode: Number.parseInt(mode, 8) };
}

/** A container of an earlier attempt that nobody has collected: it is still the same work, and must not be done twice. */
async function findEarlier(run: DockerRun): Promise<Claim | undefined> {
  const { execution } = run;
  const names = await containersOf(run, execution.signal);
  const newest = names.find((name) => name !== containerName(execution));
  return newest === undefined ? undefined : follower(run, newest);
}

/** Names of the containers of all attempts, the newest first; not of those that are kept for people. */
async function containersOf({ execution, engine }: DockerRun, signal: AbortSignal): Promise<readonly string[]> {
  const listed = await engine.list([`${labelKeys.execution}=${execution.id}`], signal);
  return listed
    .map(({ Names }) => Names[0]?.replace(/^\//, "") ?? "")
    .filter((name) => name !== "" && !isKeptName(name))
    .toSorted((a, b) => attemptOf(b) - attemptOf(a));
}

function attemptOf(name: string): number {
  return Number(name.slice(name.lastIndexOf("-") + 1));
}

/**
 * Follow a container that somebody else has made.
 *
 * @returns undefined when it is gone, or was left before its start: the name is free then
 */
async function follower(run: DockerRun, name: string): Promise<Claim | undefined> {
  const { execution, engine } = run;
  for (;;) {
    const facts = await engine.inspect(name, execution.signal);
    if (facts === undefined) return undefined;
    assertSame(run, facts);
    if (facts.State.Status !== "created") {
      execution.log.info("following the container there is", { container: name });
      run.evidence["reattached"] = true;
      return { id: facts.Id, name, isNew: false };
    }
    if (Date.now() - Date.parse(facts.Created) > limits.staleCreateMs || facts.State.ExitCode !== 0) {
      await engine.remove(facts.Id, execution.signal);
      return undefined;
    }
    await pause(limits.startPollMs, execution.signal);
  }
}

function assertSame({ execution }: DockerRun, { Name, Config }: ContainerFacts): void {
  if (
    Config.Labels[labelKeys.execution] === execution.id &&
    Config.Labels[labelKeys.config] === configDigest(execution.config)
  )
    return;
  throw new DockerFailure(
    "EXECUTION_ID_CONFLICT",
    `${Name.replace(/^\//, "")} belongs to an execution with another config`,
    {
      hint: "give each execution an id of its own",
    },
  );
}
