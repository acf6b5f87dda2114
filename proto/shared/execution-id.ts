import { randomUUID } from "node:crypto";

/**
 * A new id for an execution: a UUID of version 7.
 *
 * It begins with the time, so that ids sort as executions came, and those of a time lie side by side in the journal's index: a random one would
 * have another page of it written each time.
 */
export function newExecutionId(): string {
  const time = Date.now().toString(16).padStart(12, "0");
  const afterVersion = randomUUID().slice(15);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${afterVersion}`;
}
