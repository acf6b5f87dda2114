import type { CheckGroup } from "./check.ts";
import { againGroup } from "./checks/again.ts";
import { cancelGroup } from "./checks/cancel.ts";
import { crashGroup } from "./checks/crash.ts";
import { describeGroup } from "./checks/describe.ts";
import { dkronGroup } from "./checks/dkron.ts";
import { endGroup } from "./checks/end.ts";
import { executeGroup } from "./checks/execute.ts";
import { lifeGroup } from "./checks/life.ts";
import { linkGroup } from "./checks/link.ts";
import { loadGroup } from "./checks/load.ts";
import { requestGroup } from "./checks/request.ts";
import { startGroup } from "./checks/start.ts";
import { validateGroup } from "./checks/validate.ts";

/** Every check, in the order in which they are tried. */
export const groups: readonly CheckGroup[] = [
  startGroup,
  linkGroup,
  endGroup,
  describeGroup,
  validateGroup,
  executeGroup,
  requestGroup,
  cancelGroup,
  lifeGroup,
  loadGroup,
  crashGroup,
  againGroup,
  dkronGroup,
];
