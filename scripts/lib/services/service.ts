/** A system that tests run against, started natively on this machine. */
export interface Service {
  /** As in `scripts/services up NAME`, and the folder `test/executors/NAME` whose tests need it. */
  readonly name: string;
  /** One line for people: what it is, and what it is made from. */
  readonly summary: string;
  /**
   * Bring what it needs: packages, archives, a build. Quick when there is nothing to do.
   *
   * @param context its `cacheDir` outlives the service
   * @throws {Error} whose message says what is missing and how to get it
   */
  install(context: ServiceContext): Promise<void>;
  /**
   * Start it on loopback, on ports of its own, with all its data in `context.directory`.
   *
   * @returns once it answers
   */
  start(context: ServiceContext): Promise<RunningService>;
  /** Before its programs are ended: what ending them would leave behind. May come from another process than the start. */
  stop?(directory: string): Promise<void>;
}

export interface ServiceContext {
  /** Of this one start: data, configuration, logs. Exists, is empty, and is removed after the stop. Short enough for sockets. */
  readonly directory: string;
  /** Kept from one start to the next, and not in version control: downloads, builds. Exists. */
  readonly cacheDir: string;
  readonly signal: AbortSignal;
  /** Progress for people. */
  log(line: string): void;
  /**
   * Start a program that stays, in its own session, its output in `directory/NAME.log`. It is stopped with the service: SIGTERM, then SIGKILL, for
   * its whole process group.
   *
   * @returns its process id
   */
  spawn(name: string, command: string, args: readonly string[], env?: Readonly<Record<string, string>>): number;
}

export interface RunningService {
  /** Where tests find it: `{ broker: "127.0.0.1:9092" }`. Names are the service's own. */
  readonly endpoints: Readonly<Record<string, string>>;
}
