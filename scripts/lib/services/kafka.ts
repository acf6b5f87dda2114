import { execFile } from "node:child_process";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { makeCertificates, type Certificates } from "./certificates.ts";
import { hasProgram, installPackage } from "./debian.ts";
import { freePorts } from "./free-ports.ts";
import type { RunningService, Service, ServiceContext } from "./service.ts";

const run = promisify(execFile);

const kafkaVersion = "4.1.0";
/** Writes what the broker logs to its standard error. */
const loggerVersion = "1.7.36";
const startTimeoutMs = 120_000;
/** Small, as a broker for tests holds little. */
const heap = ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"];

/** The user that the SASL listeners know, and the one that no topic listens to. */
const password = "kafka-secret";
const users = ["alice", "mallory"];

/** A single node of Apache Kafka, KRaft mode: controller and broker in one JVM. */
export const kafka: Service = {
  name: "kafka",
  summary: `Apache Kafka ${kafkaVersion} from Maven Central, KRaft mode, one node; kcat from Debian reads it back`,
  async install(context) {
    if (!(await hasProgram("java"))) throw new Error("java is missing: install a Java runtime, 17 or later");
    if (!(await hasProgram("openssl"))) throw new Error("openssl is missing: install the package openssl");
    await installPackage("kcat", "kcat", context);
    await fetchJars(context);
  },
  start,
};

function jarsDir({ cacheDir }: ServiceContext): string {
  return join(cacheDir, `kafka-${kafkaVersion}`);
}

/** Let Maven find out what Kafka is made of. */
async function fetchJars(context: ServiceContext): Promise<void> {
  const target = jarsDir(context);
  if (existsSync(target)) return;
  if (!(await hasProgram("mvn"))) throw new Error("mvn is missing: install the package maven");
  context.log(`fetching Kafka ${kafkaVersion} with Maven`);
  const project = join(context.cacheDir, "project");
  await rm(project, { recursive: true, force: true });
  await mkdir(project);
  await writeFile(join(project, "pom.xml"), pom());
  try {
    await run("mvn", ["-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=jars"], {
      cwd: project,
      signal: context.signal,
      maxBuffer: 64 * 1024 * 1024,
    });
  } catch (error) {
    throw new Error(`Maven could not fetch Kafka: ${(error as { stdout?: string }).stdout?.split("\n")[0] ?? ""}`, {
      cause: error,
    });
  }
  // In one step, so that a broken-off download is never taken for a whole one.
  await rename(join(project, "jars"), target);
  await rm(project, { recursive: true });
}

function pom(): string {
  const dependency = (group: string, artifact: string, version: string): string =>
    `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId>
  <artifactId>kafka-for-tests</artifactId>
  <version>1</version>
  <dependencies>
    ${dependency("org.apache.kafka", "kafka_2.13", kafkaVersion)}
    ${dependency("org.slf4j", "slf4j-simple", loggerVersion)}
  </dependencies>
</project>
`;
}

async function start(context: ServiceContext): Promise<RunningService> {
  const { directory } = context;
  const certificates = await makeCertificates(directory, "executor");
  const [plain = 0, proxied = 0, proxy = 0, sasl = 0, ssl = 0, mtls = 0, saslSsl = 0, controller = 0] =
    await freePorts(8);
  const ports = { PLAINTEXT: plain, PROXIED: proxied, SASL: sasl, SSL: ssl, MTLS: mtls, SASL_SSL: saslSsl };
  const listeners = { ...ports, CONTROLLER: controller };
  // Clients go where a broker says it is: behind the port on which a test puts its proxy.
  const advertised = { ...ports, PROXIED: proxy };
  const settings = join(directory, "server.properties");
  await writeFile(
    settings,
    properties(directory, { listeners, advertised }, certificates, await keystore(directory, certificates)),
  );
  const java = ["-cp", join(jarsDir(context), "*"), "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", ...heap];
  const scram = users.flatMap((user) =>
    ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((mechanism) => [
      "--add-scram",
      `${mechanism}=[name=${user},password=${password}]`,
    ]),
  );
  const format = ["kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", settings, ...scram];
  await run("java", [...java, ...format], { signal: context.signal });
  const pid = context.spawn("broker", "java", [...java, "kafka.Kafka", settings]);
  await untilReady(context, pid, `127.0.0.1:${plain}`);
  return {
    endpoints: {
      broker: `127.0.0.1:${plain}`,
      proxied: `127.0.0.1:${proxied}`,
      proxy: `127.0.0.1:${proxy}`,
      sasl: `127.0.0.1:${sasl}`,
      ssl: `127.0.0.1:${ssl}`,
      mtls: `127.0.0.1:${mtls}`,
      saslSsl: `127.0.0.1:${saslSsl}`,
      user: users[0] ?? "",
      deniedUser: users[1] ?? "",
      password,
      caFile: certificates.ca,
      clientCertificateFile: certificates.clientCertificate,
      clientKeyFile: certificates.clientKey,
    },
  };
}

/** Key and certificate in one file, as Kafka wants its PEM. */
async function keystore(directory: string, { serverKey, serverCertificate }: Certificates): Promise<string> {
  const path = join(directory, "keystore.pem");
  await writeFile(path, `${await readFile(serverKey, "utf8")}${await readFile(serverCertificate, "utf8")}`);
  return path;
}

function properties(
  directory: string,
  {
    listeners,
    advertised,
  }: { readonly listeners: Readonly<Record<string, number>>; readonly advertised: Readonly<Record<string, number>> },
  { ca }: Certificates,
  serverKeystore: string,
): string {
  const addresses = (ports: Readonly<Record<string, number>>): string =>
    Object.entries(ports)
      .map(([name, port]) => `${name}://127.0.0.1:${port}`)
      .join(",");
  const jaas = "org.apache.kafka.common.security";
  const plainUsers = users.map((user) => `user_${user}="${password}"`).join(" ");
  const saslListener = (name: string): Record<string, string> => ({
    [`listener.name.${name}.sasl.enabled.mechanisms`]: "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
    [`listener.name.${name}.plain.sasl.jaas.config`]: `${jaas}.plain.PlainLoginModule required ${plainUsers};`,
    [`listener.name.${name}.scram-sha-256.sasl.jaas.config`]: `${jaas}.scram.ScramLoginModule required;`,
    [`listener.name.${name}.scram-sha-512.sasl.jaas.config`]: `${jaas}.scram.ScramLoginModule required;`,
    // Takes tokens without a signature: their claims are what counts here.
    [`listener.name.${name}.oauthbearer.sasl.jaas.config`]: `${jaas}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
  });
  return Object.entries({
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@127.0.0.1:${listeners["CONTROLLER"]}`,
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    listeners: addresses(listeners),
    "advertised.listeners": addresses(advertised),
    "listener.security.protocol.map":
      "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,SSL:SSL,MTLS:SSL,SASL_SSL:SASL_SSL",
    ...saslListener("sasl"),
    ...saslListener("sasl_ssl"),
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": serverKeystore,
    "ssl.truststore.type": "PEM",
    "ssl.truststore.location": ca,
    "listener.name.mtls.ssl.client.auth": "required",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
    "super.users": "User:ANONYMOUS",
    "log.dirs": join(directory, "data"),
    "num.partitions": "3",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "log.segment.bytes": "16777216",
    "log.flush.offset.checkpoint.interval.ms": "600000",
  })
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");
}

async function untilReady({ directory, signal }: ServiceContext, pid: number, broker: string): Promise<void> {
  const deadline = Date.now() + startTimeoutMs;
  for (;;) {
    try {
      await run("kcat", ["-L", "-b", broker, "-m", "2"], { signal });
      return;
    } catch (error) {
      if (signal.aborted) throw error;
    }
    if (!existsSync(`/proc/${pid}`) || Date.now() > deadline) {
      const log = await readFile(join(directory, "broker.log"), "utf8");
      throw new Error(`Kafka does not answer: ${log.trim().split("\n").slice(-3).join(" | ")}`);
    }
    await sleep(100, undefined, { signal });
  }
}
