import { spawn } from "node:child_process";
import { Socket } from "node:net";
import { limits } from "../../defaults.ts";
import { startTimer, waitAtMost } from "../../timer.ts";
import { EventReader, RequestWriter, wireVersion, type WireEvent } from "./wire.ts";

/** Takes the events of one job. */
export interface EventTaker {
  take(event: WireEvent): void;
  /** No event comes any more. */
  lost(): void;
}

/**
 * A running native supervisor: the process that makes pipes and jobs for this executor, and all that it forks.
 *
 * It ends when this executor does, and ends all jobs then.
 */
export class SupervisorLink {
  readonly pid: number;
  /** Resolves when the process has ended. Supervisors that it has forked may still have something to say. */
  readonly ended: Promise<void>;
  /** Used up one by one; each request is sent before the next is made. */
  readonly requests = new RequestWriter();
  readonly #input: Socket;
  readonly #output: Socket;
  readonly #jobs = new Map<number, EventTaker>();
  #pipesWanted = Promise.withResolvers<{ readonly errno: number; readonly fds: readonly number[] }>();
  readonly #kill: () => void;
  readonly #answerMs: number;
  #lastJob = 0;
  #isOpen = true;
  #isRetired = false;

  /**
   * @param path of the program
   * @param answerMs how long it may take to say that it is there, and to make pipes
   * @throws when it does not run, or is not of this version
   */
  static async start(path: string, answerMs: number = limits.helperMs): Promise<SupervisorLink> {
    const greeted = Promise.withResolvers<void>();
    // Handled below; this is for the time until then.
    greeted.promise.catch(() => {});
    const link = new SupervisorLink(path, greeted, answerMs);
    const timer = setTimeout(() => greeted.reject(new Error(`${path} says nothing`)), answerMs);
    try {
      await greeted.promise;
      link.#rest();
      return link;
    } catch (error) {
      link.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  private constructor(path: string, greeted: PromiseWithResolvers<void>, answerMs: number) {
    this.#answerMs = answerMs;
    // In a session of its own: whoever kills this executor's process group does not kill it.
    const child = spawn(path, ["serve"], { detached: true, env: {}, stdio: ["pipe", "pipe", "ignore"] });
    this.pid = child.pid ?? 0;
    this.#kill = () => void child.kill("SIGKILL");
    if (!(child.stdin instanceof Socket && child.stdout instanceof Socket)) throw new TypeError("pipes are sockets");
    this.#input = child.stdin;
    this.#output = child.stdout;
    const reader = new EventReader((event) => this.#take(event, greeted));
    child.on("error", (error) => greeted.reject(error));
    this.ended = new Promise((resolve) => {
      child.once("exit", () => {
        this.#stop();
        resolve();
      });
    });
    child.stdin.on("error", ignore);
    child.stdout.on("error", ignore);
    child.stdout.on("data", (chunk: Buffer) => reader.read(chunk));
    child.stdout.once("close", () => {
      greeted.reject(new Error(`${path} ended at once`));
      this.#stop();
      for (const taker of this.#jobs.values()) taker.lost();
      this.#jobs.clear();
    });
    // Of these three, only what events come by keeps this executor alive, and only while some are awaited.
    child.unref();
    this.#input.unref();
  }

  /** It takes new jobs. */
  get isOpen(): boolean {
    return this.#isOpen && !this.#isRetired;
  }

  /** @returns the number of a new job, whose events go to `taker` until `remove` */
  add(taker: EventTaker): number {
    this.#lastJob = (this.#lastJob + 1) >>> 0;
    this.#jobs.set(this.#lastJob, taker);
    this.#output.ref();
    return this.#lastJob;
  }

  remove(job: number): void {
    this.#jobs.delete(job);
    this.#rest();
    this.#leave();
  }

  send(request: Buffer): void {
    if (this.#isOpen) this.#input.write(request);
  }

  /**
   * Write ends of new pipes, as numbers of descriptors in the supervisor. One call at a time.
   *
   * @returns none when it has ended, or does not answer in time: then it takes no new jobs any more
   */
  async makePipes(count: number): Promise<{ readonly errno: number; readonly fds: readonly number[] }> {
    this.#pipesWanted = Promise.withResolvers();
    if (!this.isOpen) return { errno: 0, fds: [] };
    this.#output.ref();
    this.send(this.requests.pipes(count));
    using _timer = startTimer(() => this.#retire(), this.#answerMs);
    const made = await this.#pipesWanted.promise;
    this.#rest();
    return made;
  }

  /** Ends the process. It does nothing else if all jobs have been released. */
  close(): void {
    this.#input.end();
  }

  /** Pipes that are made for jobs to come are worth no waiting. */
  #rest(): void {
    if (this.#jobs.size === 0) this.#output.unref();
  }

  /** It is stopped, perhaps by hand. The supervisors of its jobs are not, so these go on. */
  #retire(): void {
    this.#isRetired = true;
    this.#pipesWanted.resolve({ errno: 0, fds: [] });
    this.#leave();
  }

  /** One that takes no new jobs is of no use when it has none left. */
  #leave(): void {
    if (!this.#isRetired || this.#jobs.size > 0) return;
    this.close();
    // Time to do what it was told last, if it has only been slow.
    void waitAtMost(limits.killMs, this.ended).then(this.#kill);
  }

  #take(event: WireEvent, greeted: PromiseWithResolvers<void>): void {
    switch (event.kind) {
      case "hello":
        if (event.version === wireVersion) greeted.resolve();
        else greeted.reject(new Error(`the supervisor speaks version ${event.version}, not ${wireVersion}`));
        break;
      case "pipes":
        this.#pipesWanted.resolve(event);
        break;
      default:
        this.#jobs.get(event.job)?.take(event);
    }
  }

  #stop(): void {
    this.#isOpen = false;
    this.#pipesWanted.resolve({ errno: 0, fds: [] });
  }
}

/** What breaks the streams also closes them. */
function ignore(): void {}
