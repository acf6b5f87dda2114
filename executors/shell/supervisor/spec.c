#include "spec.h"

#include <stdlib.h>
#include <string.h>

/* Adds to a list that is grown in steps. */
static bool list_add(const char ***list, size_t *count, const char *text) {
  if (*count % 64 == 0) {
    const char **grown = realloc(*list, (*count + 64 + 1) * sizeof **list);
    if (grown == NULL) return false;
    *list = grown;
  }
  (*list)[(*count)++] = text;
  (*list)[*count] = NULL;
  return true;
}

static bool take_limit(struct spec *spec, struct reader *field) {
  unsigned char letter;
  uint64_t soft, hard;
  if (spec->limit_count == LIMITS_MAX || !reader_take(field, &letter, 1) || !reader_take(field, &soft, sizeof soft) ||
      !reader_take(field, &hard, sizeof hard))
    return false;
  spec->limits[spec->limit_count++] = (struct limit){(char)letter, {(rlim_t)soft, (rlim_t)hard}};
  return true;
}

bool spec_read(struct spec *spec, struct reader request) {
  const char **arguments = NULL, **variables = NULL, **writable = NULL;
  size_t argument_count = 0, variable_count = 0, writable_count = 0;
  *spec = (struct spec){.outputs = {-1, -1}};
  while (request.left > 0) {
    unsigned char tag;
    uint32_t size;
    if (!reader_take(&request, &tag, 1) || !reader_take(&request, &size, sizeof size) || size > request.left) return false;
    struct reader field = {request.bytes, size};
    const char *text = size > 0 && request.bytes[size - 1] == '\0' ? (const char *)request.bytes : NULL;
    request.bytes += size;
    request.left -= size;
    bool good = text != NULL;
    switch (tag) {
    case FIELD_FILE: spec->file = text; break;
    case FIELD_ARGUMENT: good = good && list_add(&arguments, &argument_count, text); break;
    case FIELD_VARIABLE: good = good && list_add(&variables, &variable_count, text); break;
    case FIELD_WRITABLE: good = good && list_add(&writable, &writable_count, text); break;
    case FIELD_CWD: spec->cwd = text; break;
    case FIELD_INPUT: spec->input = text; break;
    case FIELD_INPUT_FILE: spec->input_file = text; break;
    case FIELD_UNIFIED_CGROUP: spec->unified_cgroup = text; break;
    case FIELD_CGROUP:
      good = good && spec->cgroup_count < CGROUPS_MAX;
      if (good) spec->cgroups[spec->cgroup_count++] = text;
      break;
    case FIELD_OUTPUTS: good = reader_take(&field, spec->outputs, sizeof spec->outputs); break;
    case FIELD_OWNER:
      good = reader_take(&field, &spec->user, sizeof spec->user) && reader_take(&field, &spec->group, sizeof spec->group);
      spec->has_owner = true;
      break;
    case FIELD_UMASK:
      good = reader_take(&field, &spec->umask, sizeof spec->umask);
      spec->has_umask = true;
      break;
    case FIELD_NICE:
      good = reader_take(&field, &spec->nice, sizeof spec->nice);
      spec->has_nice = true;
      break;
    case FIELD_LIMIT: good = take_limit(spec, &field); break;
    case FIELD_NO_NEW_PRIVILEGES: good = spec->no_new_privileges = true; break;
    case FIELD_PID_NAMESPACE: good = spec->pid_namespace = true; break;
    case FIELD_NO_NETWORK: good = spec->no_network = true; break;
    case FIELD_READ_ONLY: good = spec->read_only = true; break;
    default: return false;
    }
    if (!good) return false;
  }
  /* A program has at least its own name as an argument, but an environment may be empty. */
  static const char *nothing[] = {NULL};
  spec->arguments = (char **)arguments;
  spec->variables = (char **)(variables != NULL ? variables : nothing);
  spec->writable = writable != NULL ? writable : nothing;
  return spec->file != NULL && arguments != NULL && spec->outputs[0] >= FD_FIRST_FREE && spec->outputs[1] >= FD_FIRST_FREE;
}
