import { openAsBlob } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";

import type { FormData } from "undici";

import type { Config } from "../config.ts";
import { unreadableFile } from "../files.ts";
import { encodeParameters } from "./target.ts";

/** What a request carries. It can be sent more than once: files are read anew each time, never held in memory. */
export type BodyContent = Uint8Array | Blob | FormData;

export interface RequestBody {
  readonly content: BodyContent;
  /** To be sent unless the job sets a `Content-Type`; a form with parts writes its own. */
  readonly contentType: string | undefined;
}

/** Keys that give a body; a job uses one of them. */
export const bodyKeys = ["body", "body_base64", "body_file", "json", "form", "multipart"] as const;

/**
 * The body a job asks for.
 *
 * @throws {RequestFailure} `FILE_UNREADABLE`
 */
export async function bodyOf(config: Config): Promise<RequestBody | undefined> {
  if (config.body) return { content: Buffer.from(config.body, "utf8"), contentType: undefined };
  if (config.body_base64 !== undefined) return { content: config.body_base64, contentType: undefined };
  if (config.body_file !== undefined) {
    return { content: await openFile("body_file", config.body_file, ""), contentType: undefined };
  }
  if (config.json !== undefined) return { content: Buffer.from(config.json, "utf8"), contentType: "application/json" };
  if (config.form !== undefined) {
    const encoded = encodeParameters(config.form);
    return { content: Buffer.from(encoded, "utf8"), contentType: "application/x-www-form-urlencoded" };
  }
  if (config.multipart !== undefined) return { content: await multipart(config.multipart), contentType: undefined };
  return undefined;
}

async function multipart(parts: NonNullable<Config["multipart"]>): Promise<FormData> {
  const undici = await import("undici");
  const form = new undici.FormData();
  for (const part of parts) {
    const type = part.content_type ?? "";
    if (part.file !== undefined) {
      form.append(part.name, await openFile("multipart", part.file, type), part.filename ?? basename(part.file));
    } else if (part.filename !== undefined || type !== "") {
      form.append(part.name, new Blob([part.value ?? ""], { type }), part.filename ?? part.name);
    } else {
      form.append(part.name, part.value ?? "");
    }
  }
  return form;
}

async function openFile(key: string, path: string, type: string): Promise<Blob> {
  try {
    if (!(await stat(path)).isFile()) throw new Error("not a regular file");
    return await openAsBlob(path, { type });
  } catch (error) {
    throw unreadableFile(key, path, error);
  }
}
