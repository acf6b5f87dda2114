import { serve } from "@executor-host/sdk";

import { createNatsExecutor } from "./definition.ts";

serve(createNatsExecutor());
