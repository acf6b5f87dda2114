import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { pluginsDir } from "../support/built-executor.ts";
import { collect } from "../support/collect.ts";
import { service } from "../support/services.ts";
import { TestHost } from "../support/test-host.ts";
const e = (n: string, k: string) => service(n).endpoint(k);
const u = randomUUID();
const rabbitUrl = `amqp://${e("rabbitmq", "user")}:${e("rabbitmq", "password")}@${e("rabbitmq", "amqp")}`;
const many: Record<string, (file: string) => Record<string, string>> = {
  kafka: (file) => ({
    brokerAddress: e("kafka", "broker"),
    topic: `t-${u}`,
    create_topic: "true",
    messages_file: file,
  }),
  rabbitmq: (file) => ({ url: rabbitUrl, "queue.name": `q-${u}`, "queue.create": "true", messages_file: file }),
  gcppubsub: (file) => ({
    emulator: e("gcppubsub", "emulator"),
    project: "demo",
    topic: "greetings",
    messages_file: file,
  }),
  grpc: (file) => ({ url: `${e("grpc", "plain")}/test.v1.Peer/Collect`, body_file: file }),
};
const jobs: Record<string, Record<string, string>> = {
  kafka: { brokerAddress: e("kafka", "broker"), topic: `t-${u}`, create_topic: "true", message: "x" },
  nats: { url: e("nats", "plain"), subject: `s.${u}`, message: "x" },
  rabbitmq: { url: rabbitUrl, "queue.name": `q-${u}`, "queue.create": "true", "message.body": "x" },
  grpc: { url: `${e("grpc", "plain")}/test.v1.Peer/Echo`, body: '{"text":"x"}' },
  gcppubsub: { emulator: e("gcppubsub", "emulator"), project: "demo", topic: "greetings", data: "aGk=" },
};
const lines: Record<string, string> = {
  kafka: '{"key":"k","value":"VALUE"}',
  rabbitmq: '{"body":"VALUE"}',
  gcppubsub: '{"data_text":"VALUE"}',
  grpc: '{"text":"VALUE"}',
};
const rss = (pid: number, k = "VmRSS") =>
  Number(
    /(\d+)/.exec(
      readFileSync(`/proc/${pid}/status`, "utf8")
        .split("\n")
        .find((l) => l.startsWith(k)) ?? "",
    )?.[1],
  ) / 1024;
for (const [name, config] of Object.entries(jobs)) {
  if (process.argv[2] && process.argv[2] !== name) continue;
  await using host = await TestHost.start({ settings: { pluginsDirs: [pluginsDir], maxConcurrent: 200 } as never });
  const t0 = performance.now();
  const runs = await Promise.all(
    Array.from({ length: 64 }, () => collect(host.client.execute({ executor: name, config }))),
  );
  const bad = runs.filter(({ result }) => result.outcome !== "SUCCEEDED");
  const { executors } = await host.client.listExecutors();
  const proc = executors.find((x) => x.name === name)?.processes ?? [];
  console.log(
    name,
    "64 cold:",
    Math.round(performance.now() - t0),
    "ms; bad",
    bad.length,
    bad[0]?.result.message,
    "procs",
    proc.length,
    "rss",
    proc.map(({ pid }) => Math.round(rss(pid))),
  );
  const make = many[name];
  if (make !== undefined) {
    const file = `/tmp/w/brokers-many-${name}.ndjson`;
    for (const [count, size] of [
      [10_000, 100],
      [10_000, 10_000],
    ] as const) {
      writeFileSync(
        file,
        Array.from({ length: count }, (_, i) =>
          (lines[name] ?? "").replace("VALUE", `${i} ü ${"x".repeat(size)}`),
        ).join("\n"),
      );
      const t1 = performance.now();
      const run = await collect(host.client.execute({ executor: name, config: { ...make(file), timeout: "5m" } }));
      const pid = proc[0]?.pid ?? 0;
      console.log(
        name,
        `${count}x${size}:`,
        Math.round(performance.now() - t1),
        "ms",
        run.result.outcome,
        run.result.message,
        run.stdout.length,
        "rss",
        Math.round(rss(pid)),
        "peak",
        Math.round(rss(pid, "VmHWM")),
      );
    }
  }
}
