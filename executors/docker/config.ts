import {
  array,
  byteSize,
  choice,
  custom,
  decimal,
  defineConfig,
  duration,
  FieldError,
  flag,
  integer,
  json,
  object,
  text,
  textList,
  textMap,
  type ConfigOf,
} from "@executor-host/sdk";

import { splitWords } from "./command/words.ts";
import { parseVolume } from "./container/mounts.ts";
import { defaults } from "./defaults.ts";
import { parseEndpoint } from "./engine/endpoint.ts";
import { parseImage } from "./image/reference.ts";

const string = { type: "string" } as const;

/** The keys of a container job. The first four are Dkron's. */
export const config = defineConfig({
  image: custom({
    summary: "Image to run: NAME:TAG or NAME@sha256:DIGEST, with its registry in front. A digest pins it.",
    required: true,
    schema: string,
    parse: (given) => parseImage(given).text,
    examples: ["registry.example.test/etl:3"],
  }),
  command: custom({
    summary:
      "What to run in it, in place of the image's own command: a JSON array of strings, or text that is split as a shell would, with nothing expanded.",
    schema: string,
    parse: parseWords,
    examples: ["etl --all", '["sh","-c","etl --all | tee /out/log"]'],
  }),
  volumes: custom({
    summary:
      "Mounts, with commas between them: /host/path:/path or volume:/path, with :ro to only read. Paths of the host need the machine's policy.",
    default: [],
    schema: string,
    parse: (given) => given.split(",").flatMap((item) => (item.trim() === "" ? [] : [parseVolume(item.trim())])),
    examples: ["/srv/in:/in:ro,results:/out"],
  }),
  env: textMap({
    summary:
      "Environment of the container. It also gets JOB_NAME, EXECUTION_ID, EXECUTION_ATTEMPT, EXECUTION_DEADLINE and TRACEPARENT, as far as they are known.",
    default: {},
    examples: ['{"LEVEL":"info","REGIONS":"eu,us"}'],
  }),

  // The engine
  endpoint: custom({
    summary:
      "Engine to use: unix:///path, tcp://host:port, or https://host:port for TLS; also podman's socket. Default: DOCKER_HOST of the executor, or the system's socket.",
    schema: string,
    parse: parseEndpoint,
    examples: ["unix:///run/podman/podman.sock", "https://engine.example.test:2376"],
  }),
  tls_ca: text({ summary: "Authority of the engine's certificate: PEM text, or the path of a PEM file." }),
  tls_certificate: text({ summary: "Our certificate for the engine: PEM text, or the path of a PEM file." }),
  tls_certificate_key: text({ summary: "Its key: PEM text, or the path of a PEM file.", secret: true }),
  engine_timeout: duration({
    summary:
      "How long the engine of a running container may be gone, as in a restart, before the container is given up.",
    default: defaults.engineTimeoutMs,
    examples: ["10m"],
  }),

  // The image
  pull: choice({
    summary: "When to get the image: if the engine has none (missing), each time (always), or not at all (never).",
    values: ["missing", "always", "never"] as const,
    default: "missing",
  }),
  platform: text({
    summary: "Platform of the image, if it comes for several.",
    pattern: /^(?:[a-z0-9]+\/[a-z0-9]+(?:\/[a-z0-9]+)?)?$/,
    examples: ["linux/arm64"],
  }),
  pull_timeout: duration({
    summary: "Longest time to get the image; 0 means no limit.",
    default: defaults.pullTimeoutMs,
  }),
  pull_idle_timeout: duration({
    summary: "Longest time without progress meanwhile; 0 means no limit.",
    default: defaults.pullIdleTimeoutMs,
  }),
  registry_auth: json({
    summary: "Login at the image's registry. Default: the login in registry_config.",
    secret: true,
    shape: object({
      username: text({ summary: "User." }),
      password: text({ summary: "Password or access token.", secret: true }),
      identity_token: text({ summary: "Token in place of both.", secret: true }),
    }),
    examples: ['{"username":"ci","password":"${secret:REGISTRY_PASSWORD}"}'],
  }),
  registry_config: text({
    summary:
      "File with logins and credential helpers, as docker login writes it. Default: .docker/config.json of the executor's user, or that in DOCKER_CONFIG.",
    examples: ["/etc/executor-host/registries.json"],
  }),

  // What runs
  entrypoint: custom({
    summary: "In place of the image's entrypoint; written like command. [] means none at all.",
    schema: string,
    parse: parseWords,
  }),
  stdin: text({ summary: "What the container reads from its standard input. Without it, there is none." }),
  tty: flag({ summary: "Give it a terminal. All output is then stdout.", default: false }),
  user: text({ summary: "User, or user:group, by name or number. Default: the image's.", examples: ["1000:1000"] }),
  workdir: text({ summary: "Working directory, absolute. Default: the image's.", pattern: /^(?:\/.*)?$/ }),
  hostname: text({ summary: "Name the container has for itself." }),
  init: flag({
    summary: "Run the engine's small init as process 1: it passes on signals and buries orphans.",
    default: false,
  }),
  labels: textMap({ summary: "Labels of the container.", default: {} }),
  files: json({
    summary: "Files to put into the container before it starts. With read_only, only into mounted volumes.",
    secret: true,
    default: [],
    shape: array(
      object({
        path: text({ summary: "Where, absolute.", required: true, pattern: /^\/./ }),
        content: text({ summary: "Text of the file." }),
        content_base64: custom({ summary: "Or its bytes in base64.", schema: string, parse: parseBase64 }),
        mode: text({ summary: "Permissions in octal.", default: "0644", pattern: /^0?[0-7]{3,4}$/ }),
      }),
    ),
    examples: ['[{"path":"/etc/app.conf","content":"level=info\\n"}]'],
  }),
  mounts: json({
    summary: "Mounts, as volumes, in full.",
    default: [],
    shape: array(
      object({
        type: choice({
          summary: "A path of the host, a volume, or memory.",
          values: ["bind", "volume", "tmpfs"] as const,
          required: true,
        }),
        source: text({
          summary: "Path of the host, or name of the volume; without, a volume that goes with the container.",
          default: "",
        }),
        target: text({ summary: "Where, absolute.", required: true, pattern: /^\// }),
        read_only: flag({ summary: "It can only be read.", default: false }),
        size: byteSize({ summary: "Size of a tmpfs." }),
      }),
    ),
    examples: ['[{"type":"volume","source":"cache","target":"/cache"},{"type":"tmpfs","target":"/tmp","size":"64MB"}]'],
  }),
  tmpfs: textMap({
    summary: "Memory as file systems: options by path.",
    default: {},
    examples: ['{"/tmp":"size=64m,noexec","/run":""}'],
  }),

  // The network
  network: text({
    summary: "Network: none, bridge, or the name of one. Default: none, unless the machine's policy says otherwise.",
    pattern: /^\S*$/,
    examples: ["bridge", "batch-net"],
  }),
  aliases: textList({ summary: "Names the container has in a network of your own.", default: [] }),
  dns: textList({ summary: "Name servers, in place of the engine's.", default: [] }),
  extra_hosts: textMap({
    summary: "Addresses by host name.",
    default: {},
    examples: ['{"db.example.test":"10.0.0.7"}'],
  }),

  // Limits
  memory: byteSize({
    summary: "Most memory, swap included. Over it, the kernel kills, and the execution ends OUT_OF_MEMORY.",
    examples: ["512MB"],
  }),
  memory_swap: byteSize({ summary: "Most memory and swap together. Default: memory, so no swap." }),
  memory_reservation: byteSize({ summary: "Memory to fall back to when the machine has little." }),
  cpus: decimal({ summary: "Most CPUs.", minimum: 0.01, examples: ["1.5"] }),
  cpuset: text({
    summary: "CPUs that may be used.",
    pattern: /^(?:\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*)?$/,
    examples: ["0-1"],
  }),
  pids: integer({ summary: "Most processes and threads.", minimum: 1 }),
  shm_size: byteSize({ summary: "Size of /dev/shm. Default: the engine's." }),
  ulimits: custom({
    summary: "Limits of a process: soft:hard, or one number for both, by name.",
    default: [],
    schema: string,
    parse: parseUlimits,
    examples: ["nofile=1024:4096,core=0"],
  }),
  timeout: duration({
    summary: "How long the container may run; then it is stopped, and the execution ends TIMED_OUT. 0 means no limit.",
    default: 0,
    examples: ["15m"],
  }),

  // Security
  cap_add: textList({
    summary: "Capabilities over the engine's default ones. Needs the machine's policy.",
    default: [],
  }),
  cap_drop: textList({ summary: "Capabilities to take away; ALL for all.", default: [], examples: ["ALL"] }),
  read_only: flag({ summary: "The container cannot write to its own file system.", default: false }),
  no_new_privileges: flag({
    summary: "No program in it can gain rights, as by setuid. Switching it off needs the machine's policy.",
    default: true,
  }),
  privileged: flag({ summary: "All rights on the host. Needs the machine's policy.", default: false }),

  // Health
  healthcheck: json({
    summary: "How to ask whether it is well, in place of the image's own check.",
    shape: object({
      test: custom({
        summary: "Command to run in the container, written like command.",
        schema: string,
        parse: parseWords,
        required: true,
      }),
      interval: duration({ summary: "Between two questions.", default: 30_000 }),
      timeout: duration({ summary: "Longest answer.", default: 30_000 }),
      start_period: duration({ summary: "Time to come up, in which a bad answer does not count.", default: 0 }),
      retries: integer({ summary: "Bad answers in a row that make it unhealthy.", default: 3, minimum: 1 }),
    }),
    examples: ['{"test":"wget -q -O /dev/null http://127.0.0.1:8080/","interval":"5s"}'],
  }),
  wait_healthy: duration({
    summary:
      "The container must be healthy within this time and stay so; otherwise it is stopped, and the execution fails. 0 means: not asked.",
    default: 0,
    examples: ["2m"],
  }),

  // Around it
  stop_signal: text({
    summary: "Signal that asks it to stop. Default: the image's, or SIGTERM.",
    pattern: /^(?:SIG[A-Z0-9+]+|\d+)?$/,
    examples: ["SIGINT"],
  }),
  on_host_loss: choice({
    summary:
      "What becomes of the container when the host is gone: stop it, or let it go on for the same execution id to find it again, with its log and result.",
    values: ["stop", "keep"] as const,
    default: "stop",
  }),
  keep_failed: flag({
    summary: "Do not remove the container when the execution fails, for a look at it.",
    default: false,
  }),
  usage_interval: duration({
    summary: "Time between two looks at what the container uses; 0 means none.",
    default: defaults.usageIntervalMs,
  }),
});

export type Config = ConfigOf<typeof config>;

function parseWords(given: string): readonly string[] {
  if (!given.trimStart().startsWith("[")) return splitWords(given);
  let words: unknown;
  try {
    words = JSON.parse(given);
  } catch {
    words = undefined;
  }
  if (Array.isArray(words) && words.every((word) => typeof word === "string")) return words;
  throw new FieldError("is not a JSON array of strings", 'write ["program","argument"]');
}

function parseBase64(given: string): Uint8Array {
  const bytes = Buffer.from(given, "base64");
  const canonical = (value: string): string => value.replaceAll(/[\s=]/g, "");
  if (canonical(bytes.toString("base64")) !== canonical(given)) throw new FieldError("is not base64");
  return bytes;
}

interface Ulimit {
  readonly Name: string;
  readonly Soft: number;
  readonly Hard: number;
}

function parseUlimits(given: string): readonly Ulimit[] {
  return given.split(",").map((item) => {
    const [, name = "", soft = "", hard = soft] = /^\s*([a-z]+)=(-?\d+)(?::(-?\d+))?\s*$/.exec(item) ?? [];
    if (name === "") throw new FieldError(`"${item}" is not name=soft:hard`, "write something like nofile=1024:4096");
    return { Name: name, Soft: Number(soft), Hard: Number(hard) };
  });
}
