import {
  array,
  choice,
  custom,
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
  type JsonObject,
} from "@executor-host/sdk";

import { defaults } from "./defaults.ts";

const string = { type: "string" } as const;

/** The keys of a task job. Those up to propagateTags are Dkron's. */
export const config = defineConfig({
  taskdefName: text({
    summary: "Task definition to run: family, family:revision, or ARN.",
    examples: ["batch-family", "batch-family:7"],
  }),
  taskdefBody: custom({
    summary:
      "Or the task definition itself, as JSON in the form of RegisterTaskDefinition. The same text is registered once and used again.",
    schema: string,
    parse: (given) => parseObject(given),
    examples: [
      '{"family":"batch","containerDefinitions":[{"name":"main","image":"etl:3","essential":true,"memory":512}]}',
    ],
  }),
  region: text({ summary: "AWS region. Default: that of the executor's environment.", examples: ["eu-west-1"] }),
  cluster: text({ summary: "Cluster, by name or ARN.", default: "default" }),
  logGroup: text({
    summary: "CloudWatch log group to read. Default: what each container's awslogs settings say.",
    examples: ["/ecs/batch"],
  }),
  fargate: custom({
    summary: "Run on Fargate: yes or no. launch_type and capacity_providers say more.",
    default: false,
    schema: string,
    parse: parseYes,
    examples: ["yes"],
  }),
  securityGroup: textList({
    summary: "Security groups, for tasks with a network interface of their own.",
    default: [],
  }),
  subnet: textList({ summary: "Subnets for them.", default: [] }),
  env: textMap({ summary: "Environment of the container `service`, over that of the definition.", default: {} }),
  service: text({ summary: "Container that env and overrides are for. Default: the only one there is." }),
  overrides: textList({
    summary: "Command of that container: words with commas between them, or a JSON array of strings.",
    default: [],
    examples: ["batch,--hourly", '["sh","-c","batch --list a,b"]'],
  }),
  maxAttempts: integer({
    summary:
      "Dkron's way to say how long to wait: so many times 6 seconds. Then the task is stopped, and the execution ends TIMED_OUT. Default: no limit.",
    minimum: 1,
  }),
  enableExecuteCommand: custom({
    summary: "Allow ECS Exec into the task: yes or no.",
    default: false,
    schema: string,
    parse: parseYes,
  }),
  propagateTags: choice({
    summary: "Whose tags the task gets besides its own.",
    values: ["TASK_DEFINITION", "NONE"] as const,
  }),

  // Where it runs
  launch_type: choice({ summary: "Kind of capacity.", values: ["EC2", "FARGATE", "EXTERNAL"] as const }),
  capacity_providers: json({
    summary: "Capacity providers, in place of a launch type.",
    default: [],
    shape: array(
      object({
        provider: text({ summary: "Its name.", required: true }),
        weight: integer({ summary: "Share of the tasks.", minimum: 0, maximum: 1000, default: 1 }),
        base: integer({ summary: "Tasks that come first.", minimum: 0, maximum: 100_000, default: 0 }),
      }),
    ),
    examples: ['[{"provider":"FARGATE_SPOT","weight":3},{"provider":"FARGATE","weight":1}]'],
  }),
  assign_public_ip: flag({ summary: "Give the task a public address.", default: false }),
  platform_version: text({ summary: "Version of Fargate.", examples: ["1.4.0"] }),
  group: text({ summary: "Task group." }),

  // What differs from the definition
  container_overrides: json({
    summary: "What differs from the definition, by container.",
    default: [],
    shape: array(
      object({
        name: text({ summary: "Container; it must be in the definition.", required: true }),
        command: custom({
          summary: "Command, a JSON array in text or words with commas between them.",
          schema: string,
          parse: parseWords,
        }),
        env: textMap({ summary: "Environment.", default: {} }),
        env_files: textList({ summary: "ARNs of environment files in S3.", default: [] }),
        cpu: integer({ summary: "CPU units.", minimum: 1 }),
        memory: integer({ summary: "Memory, in MiB.", minimum: 4 }),
        memory_reservation: integer({ summary: "Memory to reserve, in MiB.", minimum: 4 }),
        gpus: integer({ summary: "GPUs.", minimum: 1 }),
      }),
    ),
    examples: ['[{"name":"sidecar","env":{"LEVEL":"debug"},"memory":256}]'],
  }),
  task_cpu: text({ summary: "CPU of the whole task.", examples: ["512", "1 vCPU"] }),
  task_memory: text({ summary: "Memory of the whole task.", examples: ["1024", "2 GB"] }),
  task_role: text({ summary: "ARN of the role the task works with." }),
  execution_role: text({ summary: "ARN of the role that starts it." }),
  ephemeral_storage: integer({ summary: "Disk of a Fargate task, in GiB.", minimum: 21, maximum: 200 }),
  tags: textMap({ summary: "Tags of the task.", default: {}, examples: ['{"team":"batch"}'] }),
  managed_tags: flag({ summary: "Have ECS add its own tags.", default: false }),
  run_task: custom({
    summary: "Further fields of RunTask, as JSON, for what has no key here.",
    default: {},
    schema: string,
    parse: (given) => parseObject(given),
    examples: ['{"placementConstraints":[{"type":"distinctInstance"}]}'],
  }),
  deregister: flag({ summary: "Deregister the definition of taskdefBody afterwards.", default: false }),

  // Who we are, and where the service is
  profile: text({ summary: "Profile in the AWS files of the executor's user." }),
  access_key_id: text({
    summary: "Key id. Default: the usual chain: environment, web identity, profile, container, instance.",
  }),
  secret_access_key: text({ summary: "Its secret.", secret: true }),
  session_token: text({ summary: "Token of temporary keys.", secret: true }),
  role_arn: text({ summary: "Role to take on." }),
  external_id: text({ summary: "External id for that." }),
  endpoint: text({ summary: "Another address of ECS.", pattern: /^(?:https?:\/\/.+)?$/ }),
  logs_endpoint: text({
    summary: "Another address of CloudWatch Logs. Default: endpoint, if there is one.",
    pattern: /^(?:https?:\/\/.+)?$/,
  }),
  sts_endpoint: text({
    summary: "Another address of STS. Default: endpoint, if there is one.",
    pattern: /^(?:https?:\/\/.+)?$/,
  }),

  // Around it
  timeout: duration({
    summary: "How long the task may take, from its start to its end. 0 means no limit.",
    default: 0,
  }),
  poll_interval: duration({
    summary: "Longest time between two looks at the task and its logs.",
    default: defaults.pollIntervalMs,
    minimumMs: 10,
  }),
  logs: flag({ summary: "Pass on what the containers log.", default: true }),
  log_drain: duration({ summary: "How long logs may still come after the task's end.", default: defaults.logDrainMs }),
  api_timeout: duration({
    summary:
      "How long the service may be out of reach, throttled or failing while the task runs, before it is given up.",
    default: defaults.apiTimeoutMs,
  }),
  on_host_loss: choice({
    summary:
      "What becomes of the task when the host is gone: stop it, or let it go on for the same execution id to find it again, with its log and result.",
    values: ["stop", "keep"] as const,
    default: "stop",
  }),
});

export type Config = ConfigOf<typeof config>;

/** As Dkron writes it, or as Go does. */
function parseYes(given: string): boolean {
  if (/^(yes|y|true|t|1|on)$/i.test(given.trim())) return true;
  if (/^(no|n|false|f|0|off)$/i.test(given.trim())) return false;
  throw new FieldError(`"${given}" is not yes or no`, "write yes or no");
}

function parseObject(given: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(given);
  } catch {
    throw new FieldError("is not JSON", "check quotes, commas and brackets");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new FieldError("is not a JSON object");
  return value as JsonObject;
}

function parseWords(given: string): readonly string[] {
  if (!given.trimStart().startsWith("[")) return given.split(",");
  try {
    const value = JSON.parse(given) as unknown;
    if (Array.isArray(value) && value.every((word) => typeof word === "string")) return value;
  } catch {
    // Told below.
  }
  throw new FieldError("is not a JSON array of strings", 'write ["program","argument"]');
}
