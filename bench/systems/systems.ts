import { gcppubsub } from "./gcppubsub.ts";
import { grpc } from "./grpc.ts";
import { kafka } from "./kafka.ts";
import { nats } from "./nats.ts";
import { rabbitmq } from "./rabbitmq.ts";
import type { System } from "./system.ts";

export const systems: readonly System[] = [kafka, nats, rabbitmq, gcppubsub, grpc];
