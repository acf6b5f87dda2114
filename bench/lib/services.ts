import { messageOf } from "@executor-host/proto/shared/error";
import { readRecord } from "../../scripts/lib/services/record.ts";
import { services } from "../../scripts/lib/services/registry.ts";
import { down, up } from "../../scripts/lib/services/up-down.ts";

type Endpoints = Readonly<Record<string, string>>;

/** Services that are up for a case. Those that it has started are ended with it. */
export interface BenchServices extends AsyncDisposable {
  /** By the service's name. */
  readonly endpoints: ReadonlyMap<string, Endpoints>;
  /** For each that did not come up: why, in a line. */
  readonly problems: readonly string[];
}

/** Bring services up, one after the other; what does not come up is a problem to tell, not an error. */
export async function bringUp(names: readonly string[]): Promise<BenchServices> {
  await using started = new AsyncDisposableStack();
  const endpoints = new Map<string, Endpoints>();
  const problems: string[] = [];
  for (const service of services.filter(({ name }) => names.includes(name))) {
    const { name } = service;
    try {
      const isNew = await up(service, (line) => process.stderr.write(`  ${name}: ${line}\n`));
      if (isNew) started.defer(() => down(service));
      const record = readRecord(name);
      if (record === undefined || !("endpoints" in record)) throw new Error("it has ended again");
      endpoints.set(name, record.endpoints);
    } catch (error) {
      problems.push(`${name} is not up: ${messageOf(error)}`);
    }
  }
  const owned = started.move();
  return { endpoints, problems, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
