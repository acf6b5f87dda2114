import { testFaults } from "./fixtures/try-fixture.ts";

testFaults(["again"], { longConfig: { do: "wait" }, timeouts: { watchMs: 100 } });
