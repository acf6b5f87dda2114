import { testFaults } from "./fixtures/try-fixture.ts";

// A replay shows what was sent before it was spoilt.
testFaults(["execute"], { only: ["execute", "request.wrong", "request.full", "request.big", "load.concurrent"] });
testFaults(["request"], { only: ["execute", "request", "load.concurrent"] });
