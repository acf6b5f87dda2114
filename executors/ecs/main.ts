import { serve } from "@executor-host/sdk";

import { createEcsExecutor } from "./definition.ts";

serve(createEcsExecutor());
