import { FieldError } from "@executor-host/sdk";

import type { Config } from "../config.ts";

/** Something of outside that a container sees. */
export interface Mount {
  /** The key that asks for it. */
  readonly field: string;
  readonly type: "bind" | "volume" | "tmpfs";
  /** Path on the engine's machine, or name of a volume; nothing for a nameless volume and for memory. */
  readonly source?: string | undefined;
  readonly target: string;
  readonly readOnly: boolean;
  readonly sizeBytes?: number | undefined;
}

/** `source:target` or `source:target:ro` of Dkron's `volumes`. @throws {FieldError} */
export function parseVolume(text: string): Omit<Mount, "field"> {
  const [source = "", target = "", mode = "rw", ...rest] = text.split(":");
  const hint = "write /host/path:/container/path or volume:/container/path, with :ro to only read";
  if (source === "" || target === "" || rest.length > 0) throw new FieldError(`"${text}" is not source:target`, hint);
  if (!target.startsWith("/")) throw new FieldError(`"${target}" is not an absolute path`, hint);
  if (mode !== "ro" && mode !== "rw") throw new FieldError(`"${mode}" is not ro or rw`, hint);
  const isPath = source.startsWith("/");
  if (!isPath && !/^[a-zA-Z0-9][\w.-]*$/.test(source))
    throw new FieldError(`"${source}" is neither an absolute path nor a volume`, hint);
  return { type: isPath ? "bind" : "volume", source, target, readOnly: mode === "ro" };
}

/** Everything that a job mounts, from both keys. */
export function mountsOf({ volumes, mounts }: Pick<Config, "volumes" | "mounts">): readonly Mount[] {
  return [
    ...volumes.map((mount) => ({ ...mount, field: "volumes" })),
    ...mounts.map(({ type, source, target, read_only, size }, index) => ({
      field: `mounts[${index}]`,
      type,
      source: source === "" ? undefined : source,
      target,
      readOnly: read_only,
      sizeBytes: size,
    })),
  ];
}
