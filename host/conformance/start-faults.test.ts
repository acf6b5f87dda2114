import { testFaults } from "./fixtures/try-fixture.ts";

testFaults(["start", "link"], { only: ["start", "link", "describe.answers"], timeouts: { stepMs: 5_000 } });
