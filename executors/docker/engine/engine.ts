import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { inspect } from "node:util";
import type { Duplex, Readable } from "node:stream";
import type Docker from "dockerode";

import { limits } from "../defaults.ts";
import { DockerFailure } from "../failure.ts";
import { showEndpoint, type Endpoint } from "./endpoint.ts";
import { engineFailure, refusalOf, startFailure } from "./engine-failure.ts";
import type { TlsMaterial } from "./tls-material.ts";

export type ContainerSpec = Omit<Docker.ContainerCreateOptions, "name" | "platform" | "abortSignal">;
export type ContainerFacts = Docker.ContainerInspectInfo;
export type ContainerSummary = Docker.ContainerInfo;
export type UsageSample = Docker.ContainerStats;

export interface EngineFacts {
  readonly name: string;
  readonly version: string;
  readonly apiVersion: string;
  readonly platform: string;
  readonly isPodman: boolean;
}

/** What came of an order to make a container. */
export type Created =
  | { readonly kind: "created"; readonly id: string; readonly warnings: readonly string[] }
  | { readonly kind: "no-image" | "name-taken" };

/** What the client takes and its types leave out. */
interface Questions {
  ping(options: Abortable): Promise<unknown>;
  info(options: Abortable): Promise<Record<string, unknown>>;
  version(options: Abortable): Promise<Docker.DockerVersion>;
  readonly modem: { dial(options: object, done: (error: Error | null, answer: Readable) => void): void };
  listContainers(options: Abortable & { all: true; filters: string }): Promise<Docker.ContainerInfo[]>;
}

interface Abortable {
  readonly abortSignal: AbortSignal;
}

/**
 * One engine, spoken to through its API.
 *
 * Every method throws DockerFailure for what the engine says or when it cannot be reached, and the signal's reason when that aborts.
 */
export class Engine implements Disposable {
  /** For people. */
  readonly name: string;
  readonly #agent: HttpAgent;
  readonly #docker: Docker;
  readonly #questions: Questions;
  #facts: Promise<EngineFacts> | undefined;

  private constructor(name: string, docker: Docker, agent: HttpAgent) {
    this.name = name;
    this.#docker = docker;
    this.#questions = docker as Questions;
    this.#agent = agent;
  }

  /** Does not connect yet. The client's library is loaded here, at the first use. */
  static async open(endpoint: Endpoint, tls: TlsMaterial): Promise<Engine> {
    const { default: Client } = await import("dockerode");
    const options = { keepAlive: true };
    const agent = quiet(endpoint.kind === "tcp" && endpoint.secure ? new HttpsAgent(options) : new HttpAgent(options));
    const where =
      endpoint.kind === "unix"
        ? { socketPath: endpoint.path }
        : {
            host: endpoint.host,
            port: endpoint.port,
            protocol: endpoint.secure ? ("https" as const) : ("http" as const),
          };
    // What is not set here would be read from the environment, and a job's engine has nothing to do with that.
    const client = new Client({
      ca: undefined,
      cert: undefined,
      key: undefined,
      host: undefined,
      ...where,
      ...tls,
      agent,
    } as unknown as Docker.DockerOptions);
    return new Engine(showEndpoint(endpoint), client, agent);
  }

  /** Who it is; asked once, for all who want to know. */
  async facts(): Promise<EngineFacts> {
    this.#facts ??= this.#askFacts(new AbortController().signal);
    try {
      return await this.#facts;
    } catch (error) {
      this.#facts = undefined;
      throw error;
    }
  }

  /** Whether it answers. */
  async ping(signal: AbortSignal): Promise<void> {
    await this.#ask(signal, (abortSignal) => this.#questions.ping({ abortSignal }), limits.connectMs);
  }

  /** @returns what it knows of itself @throws {DockerFailure} */
  async info(signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
    return await this.#ask(signal, (abortSignal) => this.#questions.info({ abortSignal }));
  }

  async hasImage(image: string, signal: AbortSignal): Promise<boolean> {
    const look = (abortSignal: AbortSignal) => this.#docker.getImage(image).inspect({ abortSignal } as object);
    return (await this.#unlessMissing(signal, look)) !== undefined;
  }

  /** @returns the engine's progress, one JSON text per line */
  async pull(
    image: string,
    options: { platform?: string | undefined; auth?: object | undefined },
    signal: AbortSignal,
  ): Promise<Readable> {
    const { platform, auth } = options;
    const asked = { fromImage: image, ...(platform !== undefined && { platform }), abortSignal: signal };
    try {
      return (await (auth === undefined
        ? this.#docker.createImage(asked)
        : this.#docker.createImage(auth, asked))) as Readable;
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    }
  }

  async create(name: string, spec: ContainerSpec, platform: string | undefined, signal: AbortSignal): Promise<Created> {
    try {
      const made = (await this.#limited(signal, limits.answerMs, (abortSignal) =>
        this.#docker.createContainer({ ...spec, name, ...(platform !== undefined && { platform }), abortSignal }),
      )) as Docker.Container & { warnings?: readonly string[] };
      return { kind: "created", id: made.id, warnings: made.warnings ?? [] };
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal?.status === 404 && /no such image|image.*not known|not found/i.test(refusal.message))
        return { kind: "no-image" };
      if (refusal?.status === 409 || /name .* is already in use/i.test(refusal?.message ?? ""))
        return { kind: "name-taken" };
      throw this.#failure(error, signal);
    }
  }

  /** @returns false when somebody else has started it */
  async start(id: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#limited(signal, limits.answerMs, (abortSignal) =>
        this.#docker.getContainer(id).start({ abortSignal }),
      );
      return true;
    } catch (error) {
      if (refusalOf(error)?.status === 304) return false;
      if (signal.aborted) throw signal.reason;
      throw startFailure(error, this.name);
    }
  }

  /** The container's output from now on, and its input if it has one. Podman prepares the container's program for that. */
  async attach(id: string, stdin: boolean, signal: AbortSignal): Promise<Duplex> {
    const wanted = { stream: true, stdout: true, stderr: true, stdin, hijack: true };
    try {
      return (await this.#limited(signal, limits.answerMs, (abortSignal) =>
        this.#docker.getContainer(id).attach({ ...wanted, abortSignal }),
      )) as Duplex;
    } catch (error) {
      throw refusalOf(error) === undefined ? this.#failure(error, signal) : startFailure(error, this.name);
    }
  }

  /** The container's output from its beginning: what there is, or also what comes until it ends. */
  async logs(id: string, follow: boolean, signal: AbortSignal): Promise<Readable> {
    try {
      // The client's library asks for the whole log in memory unless it is told to follow; the engine goes by the query.
      const query = { follow, stdout: true, stderr: true };
      const options = { follow: true as const, _query: query, abortSignal: signal };
      return (await this.#docker.getContainer(id).logs(options)) as Readable;
    } catch (error) {
      throw this.#failure(error, signal);
    }
  }

  /** Wait for its end, however long that takes. @returns its exit code */
  async wait(id: string, signal: AbortSignal): Promise<number> {
    try {
      const path = `/containers/${encodeURIComponent(id)}/wait?`;
      const answer = Buffer.concat(
        await (await this.#stream("POST", path, { condition: "not-running" }, signal)).toArray(),
      ).toString();
      // An engine that is stopped meanwhile ends the answer early.
      const code = /"StatusCode":\s*(\d+)/.exec(answer)?.[1];
      if (code === undefined) throw new DockerFailure("ENGINE_UNREACHABLE", `${this.name} broke off`);
      return Number(code);
    } catch (error) {
      throw this.#failure(error, signal);
    }
  }

  /** Undefined: there is no such container. @param id or its name */
  inspect(id: string, signal: AbortSignal): Promise<ContainerFacts | undefined> {
    return this.#unlessMissing(signal, (abortSignal) => this.#docker.getContainer(id).inspect({ abortSignal }));
  }

  async list(labels: readonly string[], signal: AbortSignal): Promise<readonly ContainerSummary[]> {
    return this.#ask(signal, (abortSignal) =>
      this.#questions.listContainers({ all: true, filters: JSON.stringify({ label: labels }), abortSignal }),
    );
  }

  async kill(id: string, name: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#limited(signal, limits.answerMs, (abortSignal) =>
        this.#docker.getContainer(id).kill({ signal: name, abortSignal }),
      );
    } catch (error) {
      // It has ended, or is gone.
      if ([404, 409].includes(refusalOf(error)?.status ?? 0)) return;
      throw this.#failure(error, signal);
    }
  }

  async rename(id: string, name: string, signal: AbortSignal): Promise<void> {
    await this.#ask(signal, (abortSignal) => this.#docker.getContainer(id).rename({ name, abortSignal }));
  }

  /** Stop it at once if it runs, and remove it with its nameless volumes. Fine when it is gone, or somebody else is removing it. */
  async remove(id: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#limited(signal, limits.removeMs, (abortSignal) =>
        this.#docker.getContainer(id).remove({ force: true, v: true, abortSignal }),
      );
    } catch (error) {
      if ([404, 409].includes(refusalOf(error)?.status ?? 0)) return;
      throw this.#failure(error, signal);
    }
  }

  /** Put files into a container. @param archive in tar format, with paths from the root */
  async putFiles(id: string, archive: Buffer, signal: AbortSignal): Promise<void> {
    await this.#ask(signal, (abortSignal) =>
      this.#docker.getContainer(id).putArchive(archive, { path: "/", abortSignal }),
    );
  }

  usage(id: string, signal: AbortSignal): Promise<UsageSample> {
    const options = { stream: false as const, "one-shot": true, abortSignal: signal };
    return this.#ask(signal, () => this.#docker.getContainer(id).stats(options));
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  /** The client's own way to read an answer never ends when the engine dies in the middle of it. */
  #stream(method: string, path: string, query: object, abortSignal: AbortSignal): Promise<Readable> {
    return new Promise((resolve, reject) => {
      const statusCodes = { 200: true, 400: "refused", 404: "no such container", 500: "server error" };
      this.#questions.modem.dial(
        { path, method, isStream: true, statusCodes, abortSignal, options: { _query: query, _body: {} } },
        (error, answer) => (error === null ? resolve(answer) : reject(error)),
      );
    });
  }

  async #askFacts(signal: AbortSignal): Promise<EngineFacts> {
    const version = await this.#ask(
      signal,
      (abortSignal) => this.#questions.version({ abortSignal }),
      limits.connectMs,
    );
    const { Components: components = [] } = version as { Components?: readonly { Name: string }[] };
    const isPodman = components.some(({ Name }) => /podman/i.test(Name));
    return {
      name: isPodman ? "podman" : "docker",
      version: version.Version,
      apiVersion: version.ApiVersion,
      platform: `${version.Os}/${version.Arch}`,
      isPodman,
    };
  }

  async #unlessMissing<T>(signal: AbortSignal, ask: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    try {
      return await this.#limited(signal, limits.answerMs, ask);
    } catch (error) {
      if (refusalOf(error)?.status === 404) return undefined;
      throw this.#failure(error, signal);
    }
  }

  async #ask<T>(
    signal: AbortSignal,
    ask: (signal: AbortSignal) => Promise<T>,
    limitMs: number = limits.answerMs,
  ): Promise<T> {
    try {
      return await this.#limited(signal, limitMs, ask);
    } catch (error) {
      throw this.#failure(error, signal);
    }
  }

  /** An engine that hangs counts as one that is gone. */
  async #limited<T>(signal: AbortSignal, limitMs: number, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const late = new AbortController();
    // Taken back at the end: what an answer opens, such as a container's output, may stay open for long.
    const timer = setTimeout(() => late.abort(), limitMs);
    try {
      return await ask(AbortSignal.any([signal, late.signal]));
    } catch (error) {
      if (!late.signal.aborted || signal.aborted || refusalOf(error) !== undefined) throw error;
      const message = `${this.name} has not answered within ${limitMs / 1000}s`;
      throw new DockerFailure("ENGINE_UNREACHABLE", message, { hint: "is the engine overloaded?", cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  #failure(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    return error instanceof DockerFailure ? error : engineFailure(error, this.name);
  }
}

/** The client's library renders all options of a request, the agent with its sockets included, for a log that nobody reads. */
function quiet<T extends HttpAgent>(agent: T): T {
  return Object.assign(agent, { [inspect.custom]: () => "Agent" });
}
