#define _GNU_SOURCE
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isolation.h"

/* Exit code of a process that did not become the job's program. Nobody sees it. */
enum { EXIT_NOT_LAUNCHED = 125 };

static _Noreturn void fail(int failures, enum step step, int detail) {
  struct failure failure = {(uint8_t)step, (uint8_t)detail, errno};
  while (write(failures, &failure, sizeof failure) < 0 && errno == EINTR) continue;
  _exit(EXIT_NOT_LAUNCHED);
}

/* By the letters of ulimit. */
static int resource_of(char letter) {
  switch (letter) {
  case 'c': return RLIMIT_CORE;
  case 'f': return RLIMIT_FSIZE;
  case 'n': return RLIMIT_NOFILE;
  case 't': return RLIMIT_CPU;
  case 'u': return RLIMIT_NPROC;
  default: return -1;
  }
}

static bool join_cgroup(const char *directory) {
  char path[4096];
  if (strlen(directory) > sizeof path - sizeof "/cgroup.procs") return errno = ENAMETOOLONG, false;
  strcpy(path, directory);
  strcat(path, "/cgroup.procs");
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  /* Whoever writes it is meant by 0. */
  bool good = write(fd, "0", 1) == 1;
  int error = errno;
  close(fd);
  errno = error;
  return good;
}

/* A program expects the signals as they are in a fresh process, whatever this one does with them. */
static void reset_signals(void) {
  struct sigaction standard = {.sa_handler = SIG_DFL};
  for (int number = 1; number <= SIGRTMAX; number++) sigaction(number, &standard, NULL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Root stays root: then it has a list of groups to give up, and cannot come back from where it goes. */
static bool change_owner(const struct spec *spec) {
  if (geteuid() == 0 && setgroups(0, NULL) < 0) return false;
  return setgid(spec->group) == 0 && setuid(spec->user) == 0;
}

/*
 * The first process of a pid namespace gets no signal that it does not handle, and has to wait for everybody's orphans. A job's program is not
 * written for that. So the first process is this one, and the program is its child. Ends as the program does; with it ends the namespace.
 */
static void fork_from_init(int failures) {
  pid_t program = fork();
  if (program < 0) fail(failures, STEP_FORK, 0);
  if (program == 0) return;
  close(failures);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int fd = 0; fd <= 2; fd++) dup2(FD_NULL, fd);
  for (;;) {
    int status;
    pid_t ended = waitpid(-1, &status, 0);
    if (ended == program) _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    if (ended < 0 && errno == ECHILD) _exit(EXIT_NOT_LAUNCHED);
  }
}

bool launch_prepare(const struct spec *spec, struct failure *failure) {
  *failure = (struct failure){STEP_ISOLATION, 0, 0};
  if (isolation_prepare(spec, &failure->detail)) return true;
  failure->error = errno;
  return false;
}

void launch(const struct spec *spec, int failures) {
  reset_signals();
  setsid();
  for (int index = 0; index < spec->cgroup_count; index++)
    if (!join_cgroup(spec->cgroups[index])) fail(failures, STEP_CGROUP, 0);
  uint8_t detail = 0;
  if (!isolation_enter(spec, &detail)) fail(failures, STEP_ISOLATION, detail);
  if (spec->pid_namespace) fork_from_init(failures);
  if (spec->has_nice && setpriority(PRIO_PROCESS, 0, spec->nice) < 0) fail(failures, STEP_NICE, 0);
  for (int index = 0; index < spec->limit_count; index++) {
    const struct limit *limit = &spec->limits[index];
    if (setrlimit((__rlimit_resource_t)resource_of(limit->letter), &limit->value) < 0)
      fail(failures, STEP_LIMIT, limit->letter);
  }
  if (spec->has_umask) umask(spec->umask);
  if (spec->has_owner && !change_owner(spec)) fail(failures, STEP_OWNER, 0);
  if (spec->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    fail(failures, STEP_ISOLATION, ISOLATION_PRIVILEGES);
  /* From here on with the rights of the job. */
  if (spec->cwd != NULL && chdir(spec->cwd) < 0) fail(failures, STEP_CWD, 0);
  if (spec->input_file != NULL) {
    /* Waits for a writer if it is a FIFO. */
    int fd = open(spec->input_file, O_RDONLY);
    if (fd < 0) fail(failures, STEP_INPUT_FILE, 0);
    if (fd != STDIN_FILENO) {
      dup2(fd, STDIN_FILENO);
      close(fd);
    }
    if (write(failures, "", 1) < 0) fail(failures, STEP_INPUT_FILE, 0);
  }
  /* Should the supervisor be killed, nobody could say how this job went, or stop it. A change of user has cleared this. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  /* Not execve: a script without a first line that names its interpreter runs under /bin/sh. */
  execvpe(spec->file, spec->arguments, spec->variables);
  fail(failures, STEP_EXEC, 0);
}
