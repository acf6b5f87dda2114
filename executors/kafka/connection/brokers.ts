import { FieldError } from "@executor-host/sdk";

const defaultPort = 9092;

/**
 * Read a list of brokers, `host` or `host:port` each.
 *
 * @returns `host:port` of each
 * @throws {FieldError}
 */
export function parseBrokers(given: string): readonly string[] {
  const entries = given
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  if (entries.length === 0) throw new FieldError("names no broker", "write host:port, or several separated by commas");
  return entries.map((entry) => {
    const [, host, port = String(defaultPort)] = /^([^\s:/@[\]]+)(?::(\d{1,5}))?$/.exec(entry) ?? [];
    if (host === undefined || Number(port) < 1 || Number(port) > 65_535) {
      throw new FieldError(`${JSON.stringify(shown(entry))} is not host:port`, "such as k1.example.test:9092");
    }
    return `${host}:${port}`;
  });
}

/** What looks like credentials is not repeated. */
function shown(entry: string): string {
  return entry.includes("@") ? `...${entry.slice(entry.lastIndexOf("@"))}` : entry;
}
