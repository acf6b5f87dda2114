import type { Programs } from "./programs.ts";
import type { Report } from "./report.ts";

/** What a case may use. */
export interface CaseContext {
  readonly programs: Programs;
  /** For whatever is made on the way; removed at the end. Short, as the paths of sockets must be. */
  readonly directory: string;
  /** Overrides how many rounds a case makes. */
  readonly rounds: number | undefined;
}

/** One group of measurements. */
export interface Case {
  readonly name: string;
  /** What it measures, in one line. */
  readonly summary: string;
  /** It takes long, runs only when it is named, and writes a page of its own beside results.md. */
  readonly page?: string;
  run(context: CaseContext): Promise<Report>;
}

/** The path of a worker's module. */
export function workerFile(name: "client" | "direct" | "echo" | "jobs" | "publish" | "soak" | "spawn"): string {
  return `${import.meta.dirname}/../workers/${name}.ts`;
}
