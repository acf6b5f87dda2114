/** Variable by which everything an executor starts can be found again: `INSTANCE/PROCESS`. Executors pass it on to what they start. */
export const tagVariable = "EXECUTOR_HOST_TAG";

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
  environment[tagVariable] = tag;
  return environment;
}
