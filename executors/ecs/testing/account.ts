import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import {
  CreateClusterCommand,
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  type ContainerDefinition,
  type Task,
} from "@aws-sdk/client-ecs";

export interface AccountOptions {
  readonly region: string;
  readonly endpoint: string;
  readonly cluster: string;
}

/** An account at an emulator, as those see it who look behind the executor. */
export class Account implements Disposable {
  readonly #cluster: string;
  readonly #ecs: ECSClient;
  readonly #logs: CloudWatchLogsClient;

  constructor({ region, endpoint, cluster }: AccountOptions) {
    const options = { region, endpoint, credentials: { accessKeyId: "id", secretAccessKey: "key" } };
    this.#cluster = cluster;
    this.#ecs = new ECSClient(options);
    this.#logs = new CloudWatchLogsClient(options);
  }

  async createCluster(): Promise<void> {
    await this.#ecs.send(new CreateClusterCommand({ clusterName: this.#cluster }));
  }

  async register(family: string, ...containerDefinitions: ContainerDefinition[]): Promise<void> {
    await this.#ecs.send(new RegisterTaskDefinitionCommand({ family, containerDefinitions }));
  }

  /** @throws {Error} when there is no such task */
  async task(arn: string): Promise<Task> {
    const asked = new DescribeTasksCommand({ cluster: this.#cluster, tasks: [arn], include: ["TAGS"] });
    const [task] = (await this.#ecs.send(asked)).tasks ?? [];
    if (task === undefined) throw new Error(`the service does not know ${arn}`);
    return task;
  }

  /** All there have been. */
  async countTasks(): Promise<number> {
    const statuses = ["RUNNING", "STOPPED"] as const;
    const all = await Promise.all(
      statuses.map((desiredStatus) => this.#ecs.send(new ListTasksCommand({ cluster: this.#cluster, desiredStatus }))),
    );
    return new Set(all.flatMap(({ taskArns = [] }) => taskArns)).size;
  }

  /** Fine when it is there. */
  async createLogGroup(logGroupName: string): Promise<void> {
    await this.#logs.send(new CreateLogGroupCommand({ logGroupName })).catch(() => undefined);
  }

  async log(logGroupName: string, logStreamName: string, lines: readonly string[]): Promise<void> {
    await this.#logs.send(new CreateLogStreamCommand({ logGroupName, logStreamName }));
    const startMs = Date.now() - 60_000;
    for (let at = 0; at < lines.length; at += 500) {
      const some = lines.slice(at, at + 500);
      const logEvents = some.map((message, index) => ({ message, timestamp: startMs + at + index }));
      await this.#logs.send(new PutLogEventsCommand({ logGroupName, logStreamName, logEvents }));
    }
  }

  [Symbol.dispose](): void {
    this.#ecs.destroy();
    this.#logs.destroy();
  }
}
