import type { appVersions } from "@executor-host/proto/shared/executor-link";

/** The contracts that an executor may speak: the native one, and Dkron's. */
export type Contract = keyof typeof appVersions;
