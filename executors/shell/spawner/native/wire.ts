import type { CountedUsage, JobSpec } from "../job-spawner.ts";

// What this executor and its native supervisor say to each other. What the numbers and frames mean stands in supervisor/wire.h.

export const wireVersion = 1;

const requests = { pipes: 1, spawn: 2, command: 3, hold: 4, release: 5 } as const;
const events = { hello: 1, pipes: 2, started: 3, failed: 4, exited: 5, empty: 6, lost: 7 } as const;
const steps = {
  fork: 1,
  input: 2,
  cgroup: 3,
  nice: 4,
  limit: 5,
  isolation: 6,
  owner: 7,
  cwd: 8,
  inputFile: 9,
  exec: 10,
} as const;
const fields = {
  file: 1,
  argument: 2,
  variable: 3,
  cwd: 4,
  input: 5,
  inputFile: 6,
  outputs: 7,
  owner: 8,
  umask: 9,
  nice: 10,
  limit: 11,
  noNewPrivileges: 12,
  cgroup: 13,
  unifiedCgroup: 14,
  pidNamespace: 15,
  noNetwork: 16,
  readOnly: 17,
  writable: 18,
} as const;

/** To a job's supervisor; other commands are the numbers of signals, for the job's process group. */
export const commands = { kill: -1, release: -2 } as const;

export type FailedStep = keyof typeof steps;

export type WireEvent =
  | { readonly kind: "hello"; readonly version: number }
  | { readonly kind: "pipes"; readonly errno: number; readonly fds: readonly number[] }
  | { readonly kind: "started"; readonly job: number; readonly supervisorPid: number; readonly pid: number }
  | {
      readonly kind: "failed";
      readonly job: number;
      readonly step: FailedStep;
      readonly detail: number;
      readonly errno: number;
    }
  | {
      readonly kind: "exited";
      readonly job: number;
      /** As of waitpid(2). */
      readonly status: number;
      readonly isEmpty: boolean;
      readonly usage: CountedUsage;
    }
  | { readonly kind: "empty"; readonly job: number; readonly usage: CountedUsage }
  | { readonly kind: "lost"; readonly job: number };

/** Length, kind, job. */
const headBytes = 9;

/** Memory that requests are built in, unless one is larger. */
const usualBytes = 16 * 1024;

/** Builds requests. One after the other: they share memory. */
export class RequestWriter {
  #buffer = Buffer.allocUnsafeSlow(usualBytes);
  #size = 0;

  pipes(count: number): Buffer {
    this.#begin(requests.pipes, 0);
    this.#u32(count);
    return this.#end();
  }

  command(job: number, command: number): Buffer {
    this.#begin(requests.command, job);
    this.#u32(command >>> 0);
    return this.#end();
  }

  hold(directory: string): Buffer {
    this.#begin(requests.hold, 0);
    this.#text(directory);
    return this.#end();
  }

  release(directory: string): Buffer {
    this.#begin(requests.release, 0);
    this.#text(directory);
    return this.#end();
  }

  /** @param outputs file descriptors of the supervisor's @param input path of what is standard input, to be opened with our rights */
  spawn(job: number, spec: JobSpec, outputs: readonly [number, number], input: string | undefined): Buffer {
    this.#begin(requests.spawn, job);
    this.#textField(fields.file, spec.file);
    this.#textField(fields.argument, spec.argv0);
    for (const argument of spec.args) this.#textField(fields.argument, argument);
    for (const name in spec.env) this.#textField(fields.variable, `${name}=${spec.env[name]}`);
    if (spec.cwd !== undefined) this.#textField(fields.cwd, spec.cwd);
    if (input !== undefined) this.#textField(fields.input, input);
    if (spec.stdinFile !== undefined) this.#textField(fields.inputFile, spec.stdinFile);
    this.#field(fields.outputs, () => outputs.forEach((fd) => this.#u32(fd)));
    const { owner, umask, nice, isolation } = spec;
    if (owner !== undefined)
      this.#field(fields.owner, () => {
        this.#u32(owner.userId);
        this.#u32(owner.groupId);
      });
    if (umask !== undefined) this.#field(fields.umask, () => this.#u32(umask));
    if (nice !== undefined) this.#field(fields.nice, () => this.#u32(nice >>> 0));
    this.#limits(spec.resourceLimits);
    if (spec.noNewPrivileges) this.#field(fields.noNewPrivileges);
    for (const { version, directory } of spec.cgroup?.directories ?? [])
      this.#textField(version === 2 ? fields.unifiedCgroup : fields.cgroup, directory);
    if (isolation.pidNamespace) this.#field(fields.pidNamespace);
    if (isolation.noNetwork) this.#field(fields.noNetwork);
    if (isolation.writablePaths !== undefined) {
      this.#field(fields.readOnly);
      for (const path of isolation.writablePaths) this.#textField(fields.writable, path);
    }
    return this.#end();
  }

  #limits({ openFiles, fileSize, coreSize, processes, cpuSeconds }: JobSpec["resourceLimits"]): void {
    const limit = (letter: string, soft: number | undefined, hard = soft): void => {
      if (soft === undefined || hard === undefined) return;
      this.#field(fields.limit, () => {
        this.#u8(letter.charCodeAt(0));
        this.#u64(soft);
        this.#u64(hard);
      });
    };
    limit("n", openFiles);
    limit("f", fileSize);
    limit("c", coreSize);
    limit("u", processes);
    // One second between the two makes the kernel send SIGXCPU, which names the cause, before SIGKILL, which does not.
    if (cpuSeconds !== undefined) limit("t", cpuSeconds, cpuSeconds + 1);
  }

  #begin(kind: number, job: number): void {
    this.#size = 4;
    this.#u8(kind);
    this.#u32(job);
  }

  /** A copy, as the stream may keep it for a while. */
  #end(): Buffer {
    this.#buffer.writeUInt32LE(this.#size - 4, 0);
    const request = Buffer.from(this.#buffer.subarray(0, this.#size));
    if (this.#buffer.length > usualBytes) this.#buffer = Buffer.allocUnsafeSlow(usualBytes);
    return request;
  }

  #field(tag: number, content?: () => void): void {
    this.#u8(tag);
    const at = this.#size;
    this.#u32(0);
    content?.();
    this.#buffer.writeUInt32LE(this.#size - at - 4, at);
  }

  #textField(tag: number, text: string): void {
    this.#field(tag, () => {
      this.#text(text);
      this.#u8(0);
    });
  }

  #text(text: string): void {
    // A character takes three bytes at most, two of them together four.
    this.#makeRoom(3 * text.length);
    this.#size += this.#buffer.write(text, this.#size);
  }

  #u8(value: number): void {
    this.#makeRoom(1);
    this.#size = this.#buffer.writeUInt8(value, this.#size);
  }

  #u32(value: number): void {
    this.#makeRoom(4);
    this.#size = this.#buffer.writeUInt32LE(value, this.#size);
  }

  #u64(value: number): void {
    this.#makeRoom(8);
    this.#size = this.#buffer.writeBigUInt64LE(BigInt(value), this.#size);
  }

  #makeRoom(bytes: number): void {
    if (this.#size + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.#size + bytes));
    this.#buffer.copy(larger, 0, 0, this.#size);
    this.#buffer = larger;
  }
}

/** Takes events out of a stream of bytes, wherever it is cut. */
export class EventReader {
  readonly #take: (event: WireEvent) => void;
  #rest: Buffer = Buffer.alloc(0);

  constructor(take: (event: WireEvent) => void) {
    this.#take = take;
  }

  read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 4) {
      const end = at + 4 + bytes.readUInt32LE(at);
      if (end > bytes.length) break;
      const event = parseEvent(bytes.subarray(at, end));
      at = end;
      if (event !== undefined) this.#take(event);
    }
    this.#rest = bytes.subarray(at);
  }
}

const stepNames = Object.keys(steps) as FailedStep[];

/** @returns undefined for what is no event of this version */
function parseEvent(frame: Buffer): WireEvent | undefined {
  const job = frame.readUInt32LE(5);
  switch (frame.readUInt8(4)) {
    case events.hello:
      return { kind: "hello", version: frame.readUInt32LE(headBytes) };
    case events.pipes: {
      const fds: number[] = [];
      for (let at = headBytes + 4; at < frame.length; at += 4) fds.push(frame.readInt32LE(at));
      return { kind: "pipes", errno: frame.readInt32LE(headBytes), fds };
    }
    case events.started:
      return {
        kind: "started",
        job,
        supervisorPid: frame.readInt32LE(headBytes),
        pid: frame.readInt32LE(headBytes + 4),
      };
    case events.failed: {
      const step = stepNames.find((name) => steps[name] === frame.readUInt8(headBytes)) ?? "fork";
      const detail = frame.readUInt8(headBytes + 1);
      return { kind: "failed", job, step, detail, errno: frame.readInt32LE(headBytes + 2) };
    }
    case events.exited: {
      const usage = parseUsage(frame, headBytes + 5);
      const isEmpty = frame.readUInt8(headBytes + 4) !== 0;
      return { kind: "exited", job, status: frame.readInt32LE(headBytes), isEmpty, usage };
    }
    case events.empty:
      return { kind: "empty", job, usage: parseUsage(frame, headBytes) };
    case events.lost:
      return { kind: "lost", job };
    default:
      return undefined;
  }
}

function parseUsage(frame: Buffer, at: number): CountedUsage {
  return {
    cpuTimeMs: Number(frame.readBigUInt64LE(at)) / 1e3,
    peakMemoryBytes: Number(frame.readBigUInt64LE(at + 8)),
    readBytes: Number(frame.readBigUInt64LE(at + 16)),
    writtenBytes: Number(frame.readBigUInt64LE(at + 24)),
  };
}
