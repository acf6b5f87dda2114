import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { HostError } from "@executor-host/proto/shared/error";

/** One file of a project. Either text, in which names are put, or bytes, which stay as they are. */
export interface TemplateFile {
  /** Relative, with `/`. */
  readonly path: string;
  readonly isExecutable: boolean;
  readonly text?: string;
  readonly base64?: string;
}

/** The files of each language, by its name. Made of `executors/examples` by `scripts/build`. */
export type Templates = Readonly<Record<string, readonly TemplateFile[]>>;

/** Where the templates are, below the directory that holds `bin` and `lib`. */
export const templatesPath = "lib/templates.json";

/** @throws {HostError} `INTERNAL` when this installation has none */
export async function loadTemplates(installDir: string): Promise<Templates> {
  const path = join(installDir, templatesPath);
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new HostError("INTERNAL", `the templates are missing: ${path}`, {
      hint: "run scripts/build in a checkout, or install this software anew",
      cause: error,
    });
  });
  return JSON.parse(text) as Templates;
}
