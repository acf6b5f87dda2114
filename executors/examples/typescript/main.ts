import { serve } from "@executor-host/sdk";
import { definition } from "./definition.ts";

serve(definition);
