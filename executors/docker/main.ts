import { serve } from "@executor-host/sdk";

import { createDockerExecutor } from "./definition.ts";

serve(createDockerExecutor());
