import { serve } from "@executor-host/sdk";

import { createHttpExecutor } from "./definition.ts";

serve(createHttpExecutor());
