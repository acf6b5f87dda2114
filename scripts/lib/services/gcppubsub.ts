import { freePorts } from "./free-ports.ts";
import { buildGoProgram } from "./go.ts";
import type { Service } from "./service.ts";
import { waitForPort } from "./wait-for-port.ts";

const source = "test/executors/gcppubsub/server";

/** Google's in-memory Pub/Sub, which its Go client is tested with, and which fails when a message asks for it. */
export const gcppubsub: Service = {
  name: "gcppubsub",
  summary: "Google's in-memory Pub/Sub server (pstest), built by Go",

  async install(context) {
    context.log("building the server, unless it is there");
    await buildGoProgram(source, context);
  },

  async start(context) {
    const program = await buildGoProgram(source, context);
    const [port = 0] = await freePorts(1);
    const emulator = `127.0.0.1:${port}`;
    context.spawn("pstest", program, [`-address=${emulator}`, "-topics=projects/demo/topics/greetings"]);
    await waitForPort("pstest", port, context);
    return { endpoints: { emulator } };
  },
};
