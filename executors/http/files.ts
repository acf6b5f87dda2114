import { messageOf, RequestFailure } from "./failure.ts";

const reasons: Record<string, string> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EISDIR: "is a directory",
};

/** A file that a key names cannot be read. */
export function unreadableFile(key: string, path: string, error: unknown): RequestFailure {
  const reason = reasons[String((error as NodeJS.ErrnoException).code)] ?? messageOf(error);
  return new RequestFailure("FILE_UNREADABLE", `${key} cannot be read: ${path}: ${reason}`, {
    hint: "files are read on the machine and as the user that the executor runs on",
    cause: error,
  });
}
