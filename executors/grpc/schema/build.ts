import { create, createFileRegistry, type FileRegistry } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema, type FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import { messageOf } from "@executor-host/sdk/remote";

import { fail } from "../failure.ts";
import { fillJsonNames } from "./json-names.ts";
import { putRight, typesIn, typesUsedBy } from "./references.ts";
import { wellKnownFiles } from "./well-known.ts";

/**
 * Types of descriptors in any order; files of google.protobuf need not be among them.
 *
 * What a file says of its imports is not all: servers on Node put a whole package into one file, leave its imports out. So the files of the types that it makes use of count as imported, too.
 *
 * @param source for messages: `reflection`, `descriptor_set_file /path`
 * @throws {RemoteFailure} `SCHEMA_INVALID`
 */
export function buildSchema(files: readonly FileDescriptorProto[], source: string): FileRegistry {
  const given = new Set(files.flatMap(typesIn));
  const names = new Set(files.map(({ name }) => name));
  const isNeeded = (file: FileDescriptorProto): boolean =>
    !names.has(file.name) && !typesIn(file).every((type) => given.has(type));
  const all = [...wellKnownFiles.filter(isNeeded), ...files];
  const byName = new Map([...wellKnownFiles, ...all].map((file) => [file.name, file]));
  const byType = new Map(all.flatMap((file) => typesIn(file).map((type) => [type, file] as const)));
  const sorted = new Set<FileDescriptorProto>();
  const visit = (file: FileDescriptorProto, path: readonly string[]): void => {
    if (sorted.has(file)) return;
    const inside = [...path, file.name];
    for (const name of file.dependency) {
      const imported = byName.get(name);
      if (imported === undefined) {
        throw fail("SCHEMA_INVALID", `${source} does not hold ${name}, which ${file.name} imports`, {
          hint: "write descriptor sets with --include_imports",
        });
      }
      if (inside.includes(name)) throw fail("SCHEMA_INVALID", `${source}: ${name} imports itself`);
      if (all.includes(imported)) visit(imported, inside);
    }
    for (const type of typesUsedBy(file)) {
      const imported = byType.get(type);
      if (imported !== undefined && !inside.includes(imported.name)) visit(imported, inside);
    }
    sorted.add(file);
  };
  for (const file of files) {
    fillJsonNames(file);
    putRight(file, (name) => byType.has(name));
  }
  for (const file of all) visit(file, []);
  try {
    return createFileRegistry(create(FileDescriptorSetSchema, { file: [...sorted] }));
  } catch (error) {
    throw fail("SCHEMA_INVALID", `${source} cannot be used: ${messageOf(error)}`, { cause: error });
  }
}
