/* What a job is to be started with, read out of a request. */
#ifndef SPEC_H
#define SPEC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "descriptors.h"
#include "wire.h"

struct limit {
  char letter; /* of ulimit */
  struct rlimit value;
};

enum { LIMITS_MAX = 8, CGROUPS_MAX = 16, WRITABLE_MAX = 64 };

struct spec {
  const char *file;
  char **arguments; /* end with NULL, as do the other two lists */
  char **variables;
  const char **writable;
  const char *cwd;
  const char *input;
  const char *input_file;
  int outputs[2];
  bool has_owner;
  uid_t user;
  gid_t group;
  bool has_umask;
  mode_t umask;
  bool has_nice;
  int nice;
  struct limit limits[LIMITS_MAX];
  int limit_count;
  bool no_new_privileges;
  const char *cgroups[CGROUPS_MAX];
  int cgroup_count;
  const char *unified_cgroup;
  bool pid_namespace;
  bool no_network;
  bool read_only;
};

/* The spec points into the request. False: out of memory, or not what the executor writes. */
bool spec_read(struct spec *spec, struct reader request);

#endif
