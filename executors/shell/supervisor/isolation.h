/* Namespaces: what a job can see and change of the machine. */
#ifndef ISOLATION_H
#define ISOLATION_H

#include "spec.h"

/*
 * In the supervisor, before it forks: a pid namespace is for children yet to come, and so is, for who is not root, the user namespace around all
 * others. False with errno and a `detail` (enum isolation_detail).
 */
bool isolation_prepare(const struct spec *spec, uint8_t *detail);

/* In the forked child: everything else. */
bool isolation_enter(const struct spec *spec, uint8_t *detail);

#endif
