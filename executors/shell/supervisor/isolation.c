#define _GNU_SOURCE
#include "isolation.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of the kernel's include/uapi/linux/mount.h, for older headers. The numbers are the same on every machine. */
#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_move_mount 429
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
struct mount_change {
  uint64_t set, clear, propagation, user_namespace_fd;
};
static const uint64_t read_only_attribute = 1;
enum { TREE_CLONE = 1, MOVE_FROM_DESCRIPTOR = 4, WHOLE_TREE = 0x8000 };

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

/* Every mount read-only. What is at the named paths is set aside before, with all that is mounted below, and put back as it was. */
static bool make_read_only(const char *const *writable) {
  int trees[WRITABLE_MAX];
  int count = 0;
  for (; writable[count] != NULL; count++) {
    if (count == WRITABLE_MAX) return errno = E2BIG, false;
    trees[count] = (int)syscall(SYS_open_tree, AT_FDCWD, writable[count], TREE_CLONE | O_CLOEXEC | WHOLE_TREE);
    if (trees[count] < 0) return false;
  }
  struct mount_change change = {.set = read_only_attribute};
  if (syscall(SYS_mount_setattr, AT_FDCWD, "/", WHOLE_TREE, &change, sizeof change) < 0) return false;
  for (int index = 0; index < count; index++) {
    if (syscall(SYS_move_mount, trees[index], "", AT_FDCWD, writable[index], MOVE_FROM_DESCRIPTOR) < 0) return false;
    close(trees[index]);
  }
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
