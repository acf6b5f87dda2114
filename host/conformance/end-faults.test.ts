import { testFaults } from "./fixtures/try-fixture.ts";

testFaults(["end"], { timeouts: { endMs: 2_500 } });
