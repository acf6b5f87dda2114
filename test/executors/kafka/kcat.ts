import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** To the end of each partition, which is then told without delay. */
const toTheEnd = ["-o", "beginning", "-e", "-q", "-X", "fetch.wait.max.ms=5"];

/** A record, as another client than ours reads it. */
export interface ReadRecord {
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970. */
  readonly ts: number;
  readonly key: string | null;
  readonly payload: string | null;
  /** Names and values in turn. */
  readonly headers?: readonly string[];
}

/** Read what is in a topic, by kcat and so by librdkafka; records of transactions that have not been committed are not seen. */
export async function readTopic(broker: string, topic: string): Promise<readonly ReadRecord[]> {
  const args = ["-C", "-b", broker, "-t", topic, ...toTheEnd, "-J"];
  const { stdout } = await run("kcat", args, { maxBuffer: 64 * 1024 * 1024 });
  const records = stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as ReadRecord);
  return records.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset);
}

/** The value of the only record in a topic, byte by byte. */
export async function readBytes(broker: string, topic: string): Promise<Buffer> {
  const args = ["-C", "-b", broker, "-t", topic, ...toTheEnd, "-f", "%s"];
  const { stdout } = await run("kcat", args, { maxBuffer: 64 * 1024 * 1024, encoding: "buffer" });
  return stdout;
}
