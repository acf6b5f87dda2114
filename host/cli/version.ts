import manifest from "../package.json" with { type: "json" };

/** Version of this host. */
export const version: string = manifest.version;
