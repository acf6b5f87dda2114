#define _GNU_SOURCE
#include "isolation.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of the kernel's include/uapi/linux/mount.h, for older headers. */
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
struct mount_change {
  uint64_t set, clear, propagation, user_namespace_fd;
};
static const uint64_t read_only_attribute = 1;

static bool write_file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool good = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  int error = errno;
  close(fd);
  errno = error;
  return good;
}

/* Who is not root becomes the only user of a user namespace, and may make the others in there. */
static bool enter_user_namespace(void) {
  uid_t user = geteuid();
  gid_t group = getegid();
  char map[64];
  if (unshare(CLONE_NEWUSER) < 0) return false;
  if (!write_file("/proc/self/setgroups", "deny")) return false;
  snprintf(map, sizeof map, "%u %u 1", user, user);
  if (!write_file("/proc/self/uid_map", map)) return false;
  snprintf(map, sizeof map, "%u %u 1", group, group);
  return write_file("/proc/self/gid_map", map);
}

bool isolation_prepare(const struct spec *spec, uint8_t *detail) {
  if (!spec->pid_namespace && !spec->no_network && !spec->read_only) return true;
  *detail = spec->pid_namespace ? ISOLATION_PID : spec->no_network ? ISOLATION_NETWORK : ISOLATION_READ_ONLY;
  if (geteuid() != 0 && !enter_user_namespace()) return false;
  return !spec->pid_namespace || unshare(CLONE_NEWPID) == 0;
}

/* A network of nobody else, with only the loopback interface. */
static bool enter_network(void) {
  if (unshare(CLONE_NEWNET) < 0) return false;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  struct ifreq loopback = {.ifr_name = "lo"};
  loopback.ifr_flags = IFF_UP;
  bool good = ioctl(fd, SIOCSIFFLAGS, &loopback) == 0;
  int error = errno;
  close(fd);
  errno = error;
  return good;
}

static bool change_mounts(const char *path, unsigned flags, struct mount_change change) {
  return syscall(SYS_mount_setattr, AT_FDCWD, path, flags, &change, sizeof change) == 0;
}

/* Every mount read-only, but not the named paths with what is mounted below them. These become mounts of their own first. */
static bool make_read_only(const char *const *writable) {
  for (const char *const *path = writable; *path != NULL; path++)
    if (mount(*path, *path, NULL, MS_BIND | MS_REC, NULL) < 0) return false;
  if (!change_mounts("/", AT_RECURSIVE, (struct mount_change){.set = read_only_attribute})) return false;
  for (const char *const *path = writable; *path != NULL; path++)
    if (!change_mounts(*path, AT_RECURSIVE, (struct mount_change){.clear = read_only_attribute})) return false;
  /* The working directory is still on the mount from before. */
  char cwd[PATH_MAX];
  return getcwd(cwd, sizeof cwd) == NULL || chdir(cwd) == 0;
}

bool isolation_enter(const struct spec *spec, uint8_t *detail) {
  if (spec->no_network) {
    *detail = ISOLATION_NETWORK;
    if (!enter_network()) return false;
  }
  if (!spec->pid_namespace && !spec->read_only) return true;
  *detail = spec->pid_namespace ? ISOLATION_PID : ISOLATION_READ_ONLY;
  if (unshare(CLONE_NEWNS) < 0) return false;
  /* What is mounted from here on stays in here. */
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return false;
  if (spec->pid_namespace && mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) return false;
  *detail = ISOLATION_READ_ONLY;
  return !spec->read_only || make_read_only(spec->writable);
}
