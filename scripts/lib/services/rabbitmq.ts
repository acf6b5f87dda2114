import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeCertificates, type Certificates } from "./certificates.ts";
import { hasProgram, installPackage } from "./debian.ts";
import { freePorts } from "./free-ports.ts";
import type { RunningService, Service, ServiceContext } from "./service.ts";

/** Not the one on the PATH: that gives up its rights, and writes where the system's broker does. */
const server = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const startTimeoutMs = 120_000;
const user = "alice";
const password = "rabbit-secret";
/** May connect, and nothing else. */
const deniedUser = "mallory";
/** Known by certificate alone. */
const certificateUser = "executor";

/** Debian's RabbitMQ under a node name of its own, with management and login by certificate. */
export const rabbitmq: Service = {
  name: "rabbitmq",
  summary: "RabbitMQ from Debian, one node of its own; its management API reads messages back",
  async install(context) {
    if (!(await hasProgram("openssl"))) throw new Error("openssl is missing: install the package openssl");
    await installPackage("rabbitmq-server", server, context);
  },
  start,
};

async function start(context: ServiceContext): Promise<RunningService> {
  const { directory } = context;
  const certificates = await makeCertificates(directory, certificateUser);
  const [amqp = 0, amqps = 0, management = 0, epmd = 0, distribution = 0] = await freePorts(5);
  await writeFile(join(directory, "rabbitmq.conf"), settings({ amqp, amqps, management }, certificates));
  await writeFile(join(directory, "plugins"), "[rabbitmq_management,rabbitmq_auth_mechanism_ssl].\n");
  await writeFile(join(directory, "env.conf"), "");
  // The node would start one that stays when the node is gone.
  context.spawn("epmd", "epmd", ["-address", "127.0.0.1", "-port", String(epmd)]);
  const pid = context.spawn("rabbitmq", server, [], {
    HOME: directory,
    ERL_EPMD_ADDRESS: "127.0.0.1",
    ERL_EPMD_PORT: String(epmd),
    RABBITMQ_NODENAME: `executor-host-${amqp}@localhost`,
    RABBITMQ_DIST_PORT: String(distribution),
    RABBITMQ_CONF_ENV_FILE: join(directory, "env.conf"),
    RABBITMQ_CONFIG_FILE: join(directory, "rabbitmq.conf"),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(directory, "advanced.config"),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, "plugins"),
    RABBITMQ_MNESIA_BASE: join(directory, "data"),
    RABBITMQ_LOG_BASE: join(directory, "log"),
    RABBITMQ_PID_FILE: join(directory, "pid"),
    RABBITMQ_LOGS: "-",
    // One scheduler thread: the tests share the machine.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "+S 1:1 +sbwt none",
  });
  const api = `http://127.0.0.1:${management}/api`;
  await untilReady(context, pid, api);
  await addUsers(api);
  return {
    endpoints: {
      amqp: `127.0.0.1:${amqp}`,
      amqps: `127.0.0.1:${amqps}`,
      api,
      user,
      password,
      deniedUser,
      caFile: certificates.ca,
      clientCertificateFile: certificates.clientCertificate,
      clientKeyFile: certificates.clientKey,
    },
  };
}

function settings(
  ports: { readonly amqp: number; readonly amqps: number; readonly management: number },
  { ca, serverCertificate, serverKey }: Certificates,
): string {
  return Object.entries({
    "listeners.tcp.1": `127.0.0.1:${ports.amqp}`,
    "listeners.ssl.1": `127.0.0.1:${ports.amqps}`,
    "management.tcp.ip": "127.0.0.1",
    "management.tcp.port": ports.management,
    "ssl_options.cacertfile": ca,
    "ssl_options.certfile": serverCertificate,
    "ssl_options.keyfile": serverKey,
    "ssl_options.verify": "verify_peer",
    "ssl_options.fail_if_no_peer_cert": false,
    "auth_mechanisms.1": "PLAIN",
    "auth_mechanisms.2": "AMQPLAIN",
    "auth_mechanisms.3": "EXTERNAL",
    ssl_cert_login_from: "common_name",
    default_user: user,
    default_pass: password,
    // So that a test needs no large message to be refused.
    max_message_size: 4 * 1024 * 1024,
    // A machine with little room would have its publishers blocked.
    "disk_free_limit.absolute": "1MB",
    "log.console.level": "warning",
  })
    .map(([key, value]) => `${key} = ${value}\n`)
    .join("");
}

async function untilReady({ directory, signal }: ServiceContext, pid: number, api: string): Promise<void> {
  const deadline = Date.now() + startTimeoutMs;
  for (;;) {
    const ready = await call(api, "GET", "/health/checks/local-alarms").catch(() => false);
    if (ready) return;
    signal.throwIfAborted();
    if (!existsSync(`/proc/${pid}`) || Date.now() > deadline) {
      const log = await readFile(join(directory, "rabbitmq.log"), "utf8");
      throw new Error(`RabbitMQ does not answer: ${log.trim().split("\n").slice(-3).join(" | ")}`);
    }
    await sleep(100, undefined, { signal });
  }
}

async function addUsers(api: string): Promise<void> {
  await call(api, "PUT", `/users/${deniedUser}`, { password, tags: "" });
  await call(api, "PUT", `/permissions/%2F/${deniedUser}`, { configure: "", write: "", read: "" });
  await call(api, "PUT", `/users/${certificateUser}`, { password_hash: "", tags: "" });
  await call(api, "PUT", `/permissions/%2F/${certificateUser}`, { configure: ".*", write: ".*", read: ".*" });
}

async function call(api: string, method: string, path: string, body?: object): Promise<true> {
  const response = await fetch(api + path, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
      "content-type": "application/json",
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`RabbitMQ's management refused ${method} ${path}: ${response.status} ${text}`);
  return true;
}
