import { docker } from "./docker.ts";
import { ecs } from "./ecs.ts";
import { gcppubsub } from "./gcppubsub.ts";
import { grpc } from "./grpc.ts";
import { kafka } from "./kafka.ts";
import { nats } from "./nats.ts";
import { rabbitmq } from "./rabbitmq.ts";
import type { Service } from "./service.ts";

/** Every system that tests know. The tests of `test/executors/NAME` run against the one of that name. */
export const services: readonly Service[] = [docker, kafka, nats, rabbitmq, grpc, gcppubsub, ecs];
