import { serve } from "@executor-host/sdk";

import { createGrpcExecutor } from "./definition.ts";

serve(createGrpcExecutor());
