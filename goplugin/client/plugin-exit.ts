/** How a plugin process ended, or left the hands of this host. */
export interface PluginExit {
  /** Null, as the signal is, when this host did not start the process, or let it go. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly at: Date;
  /** True when this side asked for it. */
  readonly expected: boolean;
  /** Why this side asked for it; empty otherwise. */
  readonly reason: string;
  /** The last of stderr, at most 8 KiB. */
  readonly stderrTail: string;
  /** What this side did to end it, in order; empty when the process ended by itself. */
  readonly steps: readonly StopStep[];
  /** Processes of its group that even SIGKILL did not end in time. Those that left the group are not known here. */
  readonly survivors: readonly number[];
}

/** One rung of the ladder: the Shutdown call, then signals to the process group. */
export interface StopStep {
  readonly step: "shutdown" | "SIGTERM" | "SIGKILL";
  readonly at: Date;
}

/** `exited with code 1`, `was ended by SIGKILL`, `has ended`. */
export function describeExit(exit: Pick<PluginExit, "code" | "signal">): string {
  if (exit.code === null && exit.signal === null) return "has ended";
  return exit.signal === null ? `exited with code ${exit.code}` : `was ended by ${exit.signal}`;
}
