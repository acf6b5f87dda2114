import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** What `test/interop/go-plugin/host` prints. */
export interface HostReport {
  readonly version: number;
  readonly said: string;
  readonly asked: string;
  readonly streamed: number[];
  readonly calledBack: string[];
  readonly offered: string[];
  readonly stdout: string;
  readonly stderr: string;
  /** The plugin's stderr as it came. */
  readonly raw: string;
  readonly log: string;
  readonly pid: number;
  readonly network: string;
  readonly address: string;
  readonly socketMode: number;
  readonly exited: boolean;
  /** The error of a ping after the end; empty when it still went well. */
  readonly pingAfter: string;
}

/** What `test/interop/go-plugin-1.0/host` prints. */
export interface OldHostReport extends Pick<HostReport, "version" | "said" | "log" | "exited"> {
  readonly calledBack: string;
  readonly offered: string;
}

/** Run a host to its end. @throws with its last words when it fails */
export async function runGoHost<Report = HostReport>(
  host: string,
  flags: readonly string[],
  command: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Report> {
  const { stdout } = await promisify(execFile)(host, [...flags, "--", ...command], { env, maxBuffer: 2 ** 24 });
  return JSON.parse(stdout);
}
