package executor;

/**
 * What an executor says of itself.
 *
 * @param name as jobs write it: lower-case letters, digits, {@code _} and {@code -}
 * @param version in semver
 * @param summary one sentence, for people
 * @param configSchema JSON Schema, draft 2020-12
 * @param idempotent running the same execution id twice has the effect of running it once
 * @param maxConcurrentExecutions how many one process takes at the same time; 0 means no limit
 */
public record Description(
        String name,
        String version,
        String summary,
        String configSchema,
        boolean idempotent,
        int maxConcurrentExecutions) {}
