import { serve } from "@executor-host/sdk";
import { shell } from "./definition.ts";

serve(shell);
