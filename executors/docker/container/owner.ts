import { readFileSync, readlinkSync } from "node:fs";

/** A process that looks after containers, as it is written on them. */
export interface Owner {
  /** Where its process id means something: machine boot and process id namespace. Empty where there is no /proc. */
  readonly place: string;
  readonly pid: number;
  /** In clock ticks since boot; a process id alone may be given to another process. */
  readonly startTime: string;
}

/** This process. */
export function thisOwner(): Owner {
  return { place: placeHere(), pid: process.pid, startTime: startTimeOf(process.pid) ?? "" };
}

export function showOwner({ place, pid, startTime }: Owner): string {
  return [place, pid, startTime].join(" ");
}

export function parseOwner(text: string | undefined): Owner | undefined {
  const [place, pid, startTime] = (text ?? "").split(" ");
  return place && pid && startTime ? { place, pid: Number(pid), startTime } : undefined;
}

/** "unknown": it is, or was, somewhere else. */
export function stateOf(owner: Owner | undefined, here: Owner): "alive" | "dead" | "unknown" {
  if (owner === undefined || here.place === "" || owner.place !== here.place) return "unknown";
  return startTimeOf(owner.pid) === owner.startTime ? "alive" : "dead";
}

function placeHere(): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot}:${readlinkSync("/proc/self/ns/pid").replaceAll(/\D/g, "")}`;
  } catch {
    return "";
  }
}

/** @returns undefined when there is no such process */
function startTimeOf(pid: number): string | undefined {
  try {
    // After the name of the program, which may hold anything; the start time is field 22 of proc(5).
    const [state, ...rest] = readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^[^]*\) /, "")
      .split(" ");
    return state === "Z" || state === "X" ? undefined : rest[18];
  } catch {
    return undefined;
  }
}
