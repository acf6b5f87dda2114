import { create, createFileRegistry, type FileRegistry } from "@bufbuild/protobuf";
import {
  DescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  type FieldDescriptorProto,
  type FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";

import { fillJsonNames } from "./json-names.ts";
import { wellKnownFiles } from "./well-known.ts";

/** Messages by name, in the order in which they may be used; fields as in a .proto file, without the semicolon. */
export type MessageTable = Readonly<Record<string, readonly string[]>>;

const scalars: Readonly<Record<string, Type>> = {
  bool: Type.BOOL,
  bytes: Type.BYTES,
  int32: Type.INT32,
  int64: Type.INT64,
  string: Type.STRING,
};

/** Descriptors of a few messages in one package that programs need, not jobs. */
export function registryOf(packageName: string, messages: MessageTable): FileRegistry {
  const file = create(FileDescriptorProtoSchema, {
    name: `${packageName}.proto`,
    package: packageName,
    syntax: "proto3",
    dependency: wellKnownFiles.map(({ name }) => name),
    messageType: Object.entries(messages).map(([name, fields]) => messageOf(packageName, name, fields)),
  });
  fillJsonNames(file);
  return createFileRegistry(
    create(FileDescriptorSetSchema, { file: [...wellKnownFiles, file] as FileDescriptorProto[] }),
  );
}

function messageOf(packageName: string, name: string, lines: readonly string[]) {
  const entries = lines.flatMap((line) => {
    const [, field = ""] = /^map<string, string> (\w+)/.exec(line) ?? [];
    return field === "" ? [] : [field];
  });
  return create(DescriptorProtoSchema, {
    name,
    field: lines.map((line) => fieldOf(`.${packageName}`, name, line)),
    nestedType: entries.map((field) =>
      create(DescriptorProtoSchema, {
        name: entryName(field),
        field: ["string key = 1", "string value = 2"].map((line) => fieldOf("", "", line)),
        options: { mapEntry: true },
      }),
    ),
  });
}

function fieldOf(packagePath: string, message: string, line: string): FieldDescriptorProto {
  const match = /^(repeated )?(map<string, string>|[\w.]+) (\w+) = (\d+)$/.exec(line);
  const [, repeated, type = "", name = "", number] = match ?? [];
  if (match === null) throw new TypeError(`not a field: ${line}`);
  const isMap = type.startsWith("map");
  const scalar = scalars[type];
  const typeName = isMap
    ? `${packagePath}.${message}.${entryName(name)}`
    : type.includes(".")
      ? `.${type}`
      : `${packagePath}.${type}`;
  return create(FieldDescriptorProtoSchema, {
    name,
    number: Number(number),
    label: repeated !== undefined || isMap ? Label.REPEATED : Label.OPTIONAL,
    type: scalar ?? Type.MESSAGE,
    ...(scalar === undefined && { typeName }),
  });
}

/** `metadata` has entries of type MetadataEntry. */
function entryName(field: string): string {
  return `${field[0]?.toUpperCase()}${field.slice(1)}Entry`;
}
