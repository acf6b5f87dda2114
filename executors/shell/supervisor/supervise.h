/* One process per job, which lives as long as anything of the job does. */
#ifndef SUPERVISE_H
#define SUPERVISE_H

#include "wire.h"

/*
 * In a fresh fork of the spawner: start the job that `request` describes, tell the executor how it goes, and end when nothing of it is left.
 *
 * As a subreaper it gets every process of the job whose parent has died, however it left its group and its session. So it knows exactly when
 * nothing is left, and what all of it has used. When the spawner dies, and so the executor, it kills what there is.
 */
_Noreturn void supervise(uint32_t job, struct reader request, int spawner);

#endif
