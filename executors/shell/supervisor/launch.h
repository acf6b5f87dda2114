/* What happens between fork and exec. */
#ifndef LAUNCH_H
#define LAUNCH_H

#include "spec.h"

/*
 * Why a job's program does not run: what a process that was to become it writes into a pipe, as the last thing. A good exec closes the pipe.
 * Before it, and only if there is an input file, whose opening may take for ever, comes one byte to say that it is open.
 */
struct failure {
  uint8_t step; /* enum step */
  uint8_t detail;
  int32_t error; /* errno */
};

/*
 * In the supervisor, before it forks: what can only be done to children yet to come. Returns false with `failure` filled in.
 */
bool launch_prepare(const struct spec *spec, struct failure *failure);

/*
 * In the forked child: become the job's program, or write why not into `failures` and end. Standard input and the outputs are in place; every
 * other descriptor is closed by exec.
 */
_Noreturn void launch(const struct spec *spec, int failures);

#endif
