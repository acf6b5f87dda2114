import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { root } from "../root.ts";

const run = promisify(execFile);

const timeouts = {
  /** Whether an engine answers. */
  askMs: 10_000,
  /** Pull images, and start what is in them. */
  upMs: 600_000,
  downMs: 60_000,
};

/** What `docker-compose.yml` has under the same names, and where. One listener each, without TLS: enough to try executors by hand. */
export const composed: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  kafka: { broker: "127.0.0.1:9092" },
  nats: { plain: "127.0.0.1:4222" },
  rabbitmq: {
    amqp: "127.0.0.1:5672",
    api: "http://127.0.0.1:15672/api",
    user: "executor",
    password: "executor",
  },
  grpc: { plain: "127.0.0.1:50051" },
  gcppubsub: { emulator: "127.0.0.1:8085" },
  ecs: { api: "http://127.0.0.1:5001", region: "eu-west-1" },
};

/** Whether there are an engine that answers and docker compose. */
export async function canCompose(): Promise<boolean> {
  try {
    await docker(["version", "--format", "{{.Server.Version}}"], timeouts.askMs);
    await docker(["compose", "version"], timeouts.askMs);
    return true;
  } catch {
    return false;
  }
}

/** @returns once it is healthy @throws {Error} what compose said last; nothing of it runs then */
export async function composeUp(name: string): Promise<void> {
  try {
    await compose(["up", "--detach", "--wait", name], timeouts.upMs);
  } catch (error) {
    await composeDown(name).catch(() => undefined);
    throw new Error(`docker compose cannot start it: ${lastLine(error)}`, { cause: error });
  }
}

export async function composeDown(name: string): Promise<void> {
  await compose(["rm", "--stop", "--force", "--volumes", name], timeouts.downMs);
}

/** Whether its container is up and healthy; not, when no engine answers. */
export async function isComposed(name: string): Promise<boolean> {
  try {
    const { stdout } = await compose(["ps", "--format", "{{.Health}}", name], timeouts.askMs);
    return stdout.trim() === "healthy";
  } catch {
    return false;
  }
}

function compose(args: readonly string[], timeoutMs: number): Promise<{ stdout: string }> {
  return docker(["compose", "--progress", "plain", ...args], timeoutMs);
}

async function docker(args: readonly string[], timeout: number): Promise<{ stdout: string }> {
  return run("docker", args, { cwd: root, timeout });
}

function lastLine(error: unknown): string {
  const { stderr = "", message } = error as { stderr?: string; message: string };
  return stderr.trim().split("\n").at(-1) || message;
}
