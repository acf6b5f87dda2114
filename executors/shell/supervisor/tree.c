#define _GNU_SOURCE
#include "tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* Processes found and not yet looked at. */
struct queue {
  pid_t *pids;
  size_t count, room;
};

static void queue_add(struct queue *queue, pid_t pid) {
  if (queue->count == queue->room) {
    size_t room = queue->room == 0 ? 256 : queue->room * 2;
    pid_t *grown = realloc(queue->pids, room * sizeof *grown);
    if (grown == NULL) return; /* the next look finds it */
    queue->pids = grown;
    queue->room = room;
  }
  queue->pids[queue->count++] = pid;
}

/* Reads numbers with blanks between them. False: there is no such file. */
static bool add_numbers_in(struct queue *queue, const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char text[4096];
  pid_t number = 0;
  for (ssize_t size; (size = read(fd, text, sizeof text)) > 0;) {
    for (ssize_t at = 0; at < size; at++) {
      if (text[at] >= '0' && text[at] <= '9') {
        number = number * 10 + (text[at] - '0');
      } else if (number > 0) {
        queue_add(queue, number);
        number = 0;
      }
    }
  }
  if (number > 0) queue_add(queue, number);
  close(fd);
  return true;
}

/* Every thread of a process has children of its own. False: this kernel does not list them. */
static bool add_children_of(struct queue *queue, pid_t pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
  DIR *threads = opendir(path);
  if (threads == NULL) return true; /* gone: its children are somebody else's by now */
  bool listed = true;
  for (struct dirent *entry; (entry = readdir(threads)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    char file[320];
    snprintf(file, sizeof file, "/proc/%d/task/%s/children", (int)pid, entry->d_name);
    if (!add_numbers_in(queue, file) && pid == getpid()) listed = false;
  }
  closedir(threads);
  return listed;
}

/* Field 4 of proc_pid_stat(5), after the name in parentheses, which may hold parentheses itself. */
static pid_t parent_of(const char *pid) {
  char path[280], text[512];
  snprintf(path, sizeof path, "/proc/%s/stat", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  if (size <= 0) return 0;
  text[size] = '\0';
  const char *name_end = strrchr(text, ')');
  int parent = 0;
  if (name_end == NULL || sscanf(name_end + 1, " %*c %d", &parent) != 1) return 0;
  return parent;
}

/* Without lists of children: only this process's own. When they are dead, their children are its own. */
static void kill_own_children(void) {
  DIR *all = opendir("/proc");
  if (all == NULL) return;
  for (struct dirent *entry; (entry = readdir(all)) != NULL;) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    if (parent_of(entry->d_name) == getpid()) kill(atoi(entry->d_name), SIGKILL);
  }
  closedir(all);
}

void tree_kill(void) {
  struct queue queue = {0};
  if (!add_children_of(&queue, getpid())) {
    kill_own_children();
  }
  while (queue.count > 0) {
    pid_t pid = queue.pids[--queue.count];
    /* First its children: when it is dead they are not its own any more. */
    add_children_of(&queue, pid);
    kill(pid, SIGKILL);
  }
  free(queue.pids);
}
