import type { PluginExit, StopStep } from "./plugin-exit.ts";

/** A plugin's process, started here or elsewhere. Knows nothing of gRPC. */
export interface ProcessHandle {
  readonly pid: number;
  readonly startedAt: Date;
  /** Resolves in the moment the end is noticed, or this side has let go. */
  readonly ended: Promise<void>;
  /** Resolves when the process and its group are gone, or this side has let go. Never rejects. */
  readonly exited: Promise<PluginExit>;
  readonly hasExited: boolean;
  /** From now on the end of this process is what this side wants. The first reason counts. */
  expectExit(reason: string): void;
  /** Note a step of stopping; nothing is noted after the end. */
  noteStep(step: StopStep["step"]): void;
  /** SIGTERM, then {@link kill} after `terminateMs`. Throws as that does. */
  terminate(terminateMs: number): Promise<PluginExit>;
  /**
   * SIGKILL. Resolves when the process is gone, or with what would not go.
   *
   * @throws {HostError} `DEADLINE_EXCEEDED` when the process itself would not go, `NOT_SUPPORTED` when it must not be signalled
   */
  kill(): Promise<PluginExit>;
  /** SIGKILL, without waiting. */
  killSync(): void;
  /** Let the process go on without this side. */
  release(reason: string): void;
}
