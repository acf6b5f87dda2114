import { serve } from "@executor-host/sdk";

import { createKafkaExecutor } from "./definition.ts";

// The client library sets a timer to a time that is over. Node would tell everybody.
process.removeAllListeners("warning");
process.on("warning", ({ name, message }) => {
  if (name !== "TimeoutNegativeWarning") console.error(`${name}: ${message}`);
});

serve(createKafkaExecutor());
