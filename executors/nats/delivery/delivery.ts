import type { Work } from "@executor-host/sdk/remote";

import type { Config } from "../config.ts";
import type { Link } from "../connection/link.ts";

/** A message to deliver. */
export interface Delivery extends Work<Config> {
  readonly link: Link;
  readonly subject: string;
  readonly payload: Uint8Array;
}
