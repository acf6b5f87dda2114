import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { buildGoClient, findGo } from "../../test/clients/go-client.ts";
import type { BurstOptions, BurstResult } from "./burst.ts";

/** An execution, as the client asks for it. */
interface GoRequest {
  readonly executor: string;
  readonly config?: Readonly<Record<string, string>>;
  /** The limit `max_output_bytes`. */
  readonly keepBytes?: number;
}

interface Measured extends BurstResult {
  readonly elapsedMs: number;
  readonly outputBytes: number;
}

type Answer = { readonly id: number } & (Measured | { readonly error: string });

/** Build the client. @returns its file, or nothing where Go is not here */
export async function buildLoadClient(directory: string): Promise<string | undefined> {
  const go = await findGo();
  if (go === undefined) return undefined;
  const [file] = await buildGoClient(go, await mkdtemp(join(directory, "go-client-")), "load");
  return file;
}

/**
 * A scheduler in Go, in a process of its own: `test/clients/go/load`. Dkron is written in Go, so this is what most hosts are called by, and the
 * fair driver beside a host in Go, which drives itself.
 */
export class GoClient implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<Measured>>();
  #lastId = 0;

  /** @param program from `buildLoadClient` @param address of the host */
  constructor(program: string, address: string) {
    this.#child = spawn(program, [address], { stdio: ["pipe", "pipe", "inherit"] });
    if (this.#child.stdout === null) throw new Error("no pipe");
    createInterface(this.#child.stdout).on("line", (line) => this.#receive(JSON.parse(line) as Answer));
    this.#child.on("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the client in Go has ended"));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @param options without a pace */
  burst(request: GoRequest, { count, concurrency }: BurstOptions): Promise<Measured> {
    const id = ++this.#lastId;
    const waiting = Promise.withResolvers<Measured>();
    this.#waiting.set(id, waiting);
    this.#child.stdin?.write(`${JSON.stringify({ id, count, concurrency, ...request })}\n`);
    return waiting.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, "close");
    this.#child.stdin?.end();
    await closed;
  }

  #receive(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ("error" in answer) waiting?.reject(new Error(answer.error));
    else waiting?.resolve(answer);
  }
}
