import { testGroup } from "./test-group.ts";

testGroup("executor-process");
