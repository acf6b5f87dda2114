import { createHash } from "node:crypto";

import type { Logger } from "@executor-host/sdk";

import type { Config } from "../config.ts";
import { limits } from "../defaults.ts";
import { messageOf } from "../failure.ts";
import type { Owner } from "../container/owner.ts";
import type { Policy } from "../policy/policy.ts";
import { sweep } from "../sweep/sweep.ts";
import { parseEndpoint, systemEndpoint } from "./endpoint.ts";
import { Engine } from "./engine.ts";
import { readTlsMaterial } from "./tls-material.ts";

/** The engines this process has to do with. Connections to each are kept open between executions. */
export class Engines implements AsyncDisposable {
  readonly #policy: Policy | undefined;
  readonly #owner: Owner;
  readonly #engines = new Map<string, Promise<Engine>>();
  /** Ids of the containers that executions of this process follow. */
  readonly #held = new Set<string>();
  readonly #swept = new WeakSet<Engine>();
  readonly #sweeps = new Set<Promise<void>>();
  readonly #closed = new AbortController();

  constructor(policy: Policy | undefined, owner: Owner) {
    this.#policy = policy;
    this.#owner = owner;
  }

  /** The engine of a job. It may turn out not to answer. */
  async of(config: Config): Promise<Engine> {
    const endpoint = config.endpoint ?? parseEndpoint(process.env["DOCKER_HOST"] || systemEndpoint);
    const tls = await readTlsMaterial(config);
    const key = createHash("sha256")
      .update(JSON.stringify([endpoint, tls]))
      .digest("hex");
    const opened = this.#engines.get(key) ?? Engine.open(endpoint, tls);
    this.#engines.set(key, opened);
    return opened;
  }

  /** Look, once per engine and beside the first execution on it, for what dead hosts have left there. */
  sweepOnce(engine: Engine, log: Logger): void {
    const policy = this.#policy;
    if (policy === undefined || this.#swept.has(engine)) return;
    this.#swept.add(engine);
    const { signal } = this.#closed;
    const done = sweep({
      ...{ engine, policy, owner: this.#owner, signal, log },
      isHeld: (id) => this.#held.has(id),
      orphanMs: limits.orphanMs,
    })
      .catch((error: unknown) => {
        if (!signal.aborted)
          log.warn("the sweep for abandoned containers failed", { engine: engine.name, error: messageOf(error) });
      })
      .finally(() => this.#sweeps.delete(done));
    this.#sweeps.add(done);
  }

  /** Keep the sweep from a container; disposing of the answer ends that. */
  hold(id: string): Disposable {
    this.#held.add(id);
    return { [Symbol.dispose]: () => void this.#held.delete(id) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await Promise.all(this.#sweeps);
    for (const engine of await Promise.all(this.#engines.values())) engine[Symbol.dispose]();
    this.#engines.clear();
  }
}
