import { serve } from "@executor-host/sdk";

import { createPubSubExecutor } from "./definition.ts";

serve(createPubSubExecutor());
