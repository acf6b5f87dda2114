import { serve } from "@executor-host/sdk";

import { createRabbitmqExecutor } from "./definition.ts";

serve(createRabbitmqExecutor());
