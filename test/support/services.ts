import { readRecord } from "../../scripts/lib/services/record.ts";

/** A real system to test against. */
export interface TestService {
  /** For `describe` and `test`: why there is nothing to test against; false when there is. */
  readonly skip: string | false;
  /** @throws {Error} when the service has no endpoint of this name */
  endpoint(name: string): string;
}

/** The service that `scripts/test`, or `scripts/services up --native` by hand, has brought up. */
export function service(name: string): TestService {
  const record = readRecord(name);
  const isUp = record !== undefined && "endpoints" in record;
  const problem =
    record !== undefined && "problem" in record ? record.problem : `run scripts/services up --native ${name}`;
  return {
    skip: isUp ? false : `${name} is not up: ${problem}`,
    endpoint(key) {
      const endpoint = isUp ? record.endpoints[key] : undefined;
      if (endpoint === undefined) throw new Error(`${name} has no endpoint "${key}"`);
      return endpoint;
    },
  };
}
