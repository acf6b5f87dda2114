import { testFaults } from "./fixtures/try-fixture.ts";

testFaults(["cancel"], { longConfig: { do: "wait" }, timeouts: { stepMs: 5_000, endMs: 2_500 } });
