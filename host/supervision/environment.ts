import { hostTagVariable } from "@executor-host/proto/shared/executor-link";

export { hostTagVariable as tagVariable };

/**
 * The environment of an executor process: only what is named, never the host's own. An empty PATH is left out.
 *
 * @param allowed names, with `*` for any characters
 */
export function executorEnvironment(
  source: Readonly<Record<string, string | undefined>>,
  allowed: readonly string[],
  tag: string,
): Record<string, string> {
  const patterns = allowed.map((name) => new RegExp(`^${name.split("*").map(RegExp.escape).join(".*")}$`));
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(source)) {
    if (value !== undefined && patterns.some((pattern) => pattern.test(name))) environment[name] = value;
  }
  // To some programs an empty one means the working directory, to others that there are no programs; without one all have a default.
  if (environment["PATH"] === "") delete environment["PATH"];
  environment[hostTagVariable] = tag;
  return environment;
}
