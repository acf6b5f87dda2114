import { custom, duration, object, text } from "@executor-host/sdk";

import { defaults } from "../defaults.ts";
import { parseJsonExpectations } from "../expect/parse.ts";
import { parseStatusSet } from "../expect/status-set.ts";
import { parseMethod } from "../request/target.ts";

const placeholders = "{path} stands for a value from the JSON body of the 202.";

/** The nested keys of `poll`. */
export const pollShape = object({
  status_url: text({ summary: `Where to ask, relative or absolute; default: the Location header. ${placeholders}` }),
  interval: duration({
    summary: "Wait between two questions, unless the server names another with Retry-After.",
    default: defaults.pollIntervalMs,
    bareUnit: "s",
    minimumMs: 1,
  }),
  timeout: duration({
    summary: "Longest wait for the work to be done; default: the execution's own limits.",
    bareUnit: "s",
  }),
  pending: custom({
    summary: "Status codes that mean: not done yet.",
    default: parseStatusSet("202"),
    schema: { type: "string", default: "202" },
    parse: parseStatusSet,
  }),
  until: custom({
    summary: "Places in the JSON body and the values they have once the work is done, written like expectJson.",
    schema: { type: "object" },
    parse: parseJsonExpectations,
  }),
  failed: custom({
    summary: "Places in the JSON body and values of which one means that the work has failed.",
    schema: { type: "object" },
    parse: parseJsonExpectations,
  }),
  cancel_url: text({ summary: `What to call when the execution is stopped; default: where to ask. ${placeholders}` }),
  cancel_method: custom({
    summary: "Method of that call. Nothing is called unless this or cancel_url is set; default then: DELETE.",
    schema: { type: "string" },
    parse: parseMethod,
  }),
});
