import { messageOf } from "@executor-host/proto/shared/error";
import { readRecord } from "./record.ts";
import { services } from "./registry.ts";
import type { Service } from "./service.ts";
import { down, up } from "./up-down.ts";

/**
 * The services that a run of tests needs: brought up one after the other beside the tests that need none, and ended with the run unless
 * they were there before it.
 */
export class TestServices implements AsyncDisposable {
  readonly #needed: readonly Service[];
  readonly #abort = new AbortController();
  readonly #started = new Set<Service>();
  readonly #ready = new Map<string, Promise<void>>();

  /** @param files of the run, relative to the checkout: those in `test/executors/NAME` need the service of that name */
  constructor(files: readonly string[]) {
    this.#needed = services.filter(({ name }) => files.some((file) => serviceOf(file) === name));
    let last = Promise.resolve();
    for (const service of this.#needed) {
      last = last.then(() => this.#bringUp(service));
      this.#ready.set(service.name, last);
    }
  }

  /** Files that need a service are best run last: others pass the time until it is up. */
  static inOrder(files: readonly string[]): string[] {
    return files.toSorted((a, b) => Number(serviceOf(a) !== undefined) - Number(serviceOf(b) !== undefined));
  }

  /** Resolves when the service of a file is up, or known not to come: its tests say so. */
  async readyFor(file: string): Promise<void> {
    await this.#ready.get(serviceOf(file) ?? "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await Promise.all(this.#ready.values());
    await Promise.all([...this.#started].map(down));
  }

  async #bringUp(service: Service): Promise<void> {
    if (this.#abort.signal.aborted) return;
    const startedMs = performance.now();
    try {
      const isNew = await up(service, () => undefined, this.#abort.signal);
      if (isNew) this.#started.add(service);
      console.log(`up   ${service.name} (${((performance.now() - startedMs) / 1000).toFixed(1)} s)`);
    } catch (error) {
      if (readRecord(service.name) !== undefined) this.#started.add(service);
      console.log(`down ${service.name}: ${messageOf(error)}`);
    }
  }
}

function serviceOf(file: string): string | undefined {
  const folder = /^test\/executors\/([^/]+)\//.exec(file)?.[1];
  return services.some(({ name }) => name === folder) ? folder : undefined;
}
