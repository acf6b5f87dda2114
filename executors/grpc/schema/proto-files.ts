import { access } from "node:fs/promises";
import { isAbsolute, join } from "node:path";

import { fromBinary, type FileRegistry } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label as Label,
  FileDescriptorProtoSchema,
  type DescriptorProto,
  type FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import { messageOf } from "@executor-host/sdk/remote";

import { fail } from "../failure.ts";
import { buildSchema } from "./build.ts";

/**
 * Types of .proto files.
 *
 * proto-loader reads them, and gives one descriptor for each package, without imports and with names that are relative to where they stand;
 * both are put right here.
 *
 * @throws {RemoteFailure} `FILE_UNREADABLE`, `SCHEMA_INVALID`
 */
export async function fromProtoFiles(files: readonly string[], directories: readonly string[]): Promise<FileRegistry> {
  await Promise.all(files.map((file) => assertThere(file, directories)));
  const packages = await load(files, directories);
  const types = new Map(packages.flatMap((file) => typesOf(file).map((name) => [name, file] as const)));
  for (const file of packages) qualify(file, types);
  return buildSchema(packages, "proto_files");
}

async function load(files: readonly string[], directories: readonly string[]): Promise<FileDescriptorProto[]> {
  const loader = await import("@grpc/proto-loader");
  try {
    const definitions = await loader.load([...files], { keepCase: true, includeDirs: [...directories] });
    const one = Object.values(definitions).find((definition) => "fileDescriptorProtos" in definition);
    const bytes = one === undefined ? [] : (one.fileDescriptorProtos as Buffer[]);
    return bytes
      .map((file) => fromBinary(FileDescriptorProtoSchema, file))
      .filter((file) => file.package !== "google.protobuf");
  } catch (error) {
    throw fail("SCHEMA_INVALID", `proto_files cannot be used: ${messageOf(error)}`, {
      hint: "check proto_paths, or use a descriptor set",
      cause: error,
    });
  }
}

async function assertThere(file: string, directories: readonly string[]): Promise<void> {
  const places =
    isAbsolute(file) || directories.length === 0 ? [file] : directories.map((directory) => join(directory, file));
  const there = await Promise.allSettled(places.map((place) => access(place)));
  if (there.some(({ status }) => status === "fulfilled")) return;
  throw fail("FILE_UNREADABLE", `proto_files cannot be read: ${file}: no such file`, {
    hint: "files are looked for in proto_paths, on the machine that the executor runs on",
  });
}

/** Full names of the messages and enums of a package. */
function typesOf({ package: scope, messageType, enumType }: FileDescriptorProto): string[] {
  const nested = (outer: string, message: DescriptorProto): string[] => {
    const name = `${outer}.${message.name}`;
    return [
      name,
      ...message.enumType.map((one) => `${name}.${one.name}`),
      ...message.nestedType.flatMap((one) => nested(name, one)),
    ];
  };
  const prefix = scope === "" ? "" : `.${scope}`;
  return [
    ...enumType.map(({ name }) => `${prefix}.${name}`),
    ...messageType.flatMap((message) => nested(prefix, message)),
  ];
}

/** Make every name of a type a full one, and note what is imported for it. */
function qualify(file: FileDescriptorProto, types: ReadonlyMap<string, FileDescriptorProto>): void {
  const imports = new Set<string>();
  const resolve = (given: string, scope: string): string => {
    const wanted = given.replace(/^\./, "");
    if (wanted.startsWith("google.protobuf.")) {
      imports.add(wellKnownFileOf(wanted));
      return `.${wanted}`;
    }
    // From the innermost place outwards, as .proto files are read.
    for (let place = scope; ; place = place.slice(0, place.lastIndexOf("."))) {
      const found = types.get(`${place}.${wanted}`);
      if (found !== undefined) {
        if (found !== file) imports.add(found.name);
        return `${place}.${wanted}`;
      }
      if (place === "") throw fail("SCHEMA_INVALID", `proto_files do not define ${wanted}`);
    }
  };
  const visit = (message: DescriptorProto, outer: string): void => {
    const scope = `${outer}.${message.name}`;
    for (const field of message.field) if (field.typeName !== "") field.typeName = resolve(field.typeName, scope);
    for (const nested of message.nestedType) visit(nested, scope);
  };
  const scope = file.package === "" ? "" : `.${file.package}`;
  for (const message of file.messageType) visit(message, scope);
  for (const { method } of file.service) {
    for (const one of method) {
      one.inputType = resolve(one.inputType, scope);
      one.outputType = resolve(one.outputType, scope);
    }
  }
  // What proto-loader leaves of the syntax: fields of proto2 are not packed, and keep their presence.
  if (file.messageType.some(isProto2)) file.syntax = "proto2";
  file.dependency = [...imports];
}

function isProto2(message: DescriptorProto): boolean {
  return (
    message.nestedType.some(isProto2) ||
    message.field.some(({ label, options }) => label !== Label.REPEATED && options?.packed === false)
  );
}

function wellKnownFileOf(type: string): string {
  const name = type.replace("google.protobuf.", "");
  return `google/protobuf/${wellKnownFiles[name] ?? (name.endsWith("Value") ? "wrappers" : "descriptor")}.proto`;
}

const wellKnownFiles: Readonly<Record<string, string>> = {
  Any: "any",
  Duration: "duration",
  Empty: "empty",
  FieldMask: "field_mask",
  Struct: "struct",
  Value: "struct",
  ListValue: "struct",
  NullValue: "struct",
  Timestamp: "timestamp",
};
