#define _GNU_SOURCE
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descriptors.h"
#include "launch.h"
#include "tree.h"

/* Between two looks for what is to be killed: first, and at most. */
enum { SWEEP_MS = 1, MAX_SWEEP_MS = 250 };

struct supervisor {
  uint32_t job;
  pid_t main;
  int failures; /* read end of the launch's pipe; -1 when it was read to its end */
  unsigned char said[1 + sizeof(struct failure)]; /* by the launch */
  size_t said_size;
  bool waits_for_input; /* the launch says when it has opened its input */
  bool began;           /* the job's program runs, or has run */
  struct failure failure;
  int status; /* of the main process, when it has ended */
  bool main_ended;
  bool exit_told;
  bool empty; /* there is no child */
  bool killing;
};

static _Noreturn void fail(const struct supervisor *supervisor, const struct failure *failure) {
  struct frame frame;
  frame_begin(&frame, EVENT_FAILED, supervisor->job);
  frame_put_u8(&frame, failure->step);
  frame_put_u8(&frame, failure->detail);
  frame_put_i32(&frame, failure->error);
  frame_send(&frame);
  _exit(0);
}

static _Noreturn void fail_at(const struct supervisor *supervisor, enum step step) {
  struct failure failure = {(uint8_t)step, 0, errno};
  fail(supervisor, &failure);
}

/* What all processes that have ended have used: CPU time in microseconds, largest process in bytes, blocks read and written. */
static void put_usage(struct frame *frame) {
  struct rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  uint64_t values[] = {
      (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
          (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec),
      (uint64_t)usage.ru_maxrss * 1024,
      (uint64_t)usage.ru_inblock * 512,
      (uint64_t)usage.ru_oublock * 512,
  };
  frame_put(frame, values, sizeof values);
}

/* A fork that is in the cgroup from its first moment on; joining one later makes it wait for the whole machine. -1: not on this kernel. */
static pid_t fork_into(const char *cgroup) {
#ifdef SYS_clone3
  struct {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
  } arguments = {.flags = 0x200000000ULL /* CLONE_INTO_CGROUP */, .exit_signal = SIGCHLD};
  int fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -1;
  arguments.cgroup = (uint64_t)fd;
  pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
  close(fd);
  return pid;
#else
  (void)cgroup;
  return -1;
#endif
}

/* Standard input and both outputs become the job's; they are given up again when it has been forked. */
static void place_outputs(struct supervisor *supervisor, struct spec *spec) {
  int input = FD_NULL;
  if (spec->input != NULL) {
    input = open(spec->input, O_RDONLY | O_CLOEXEC);
    if (input < 0) fail_at(supervisor, STEP_INPUT);
  }
  /* By path, /dev/stdout can only be opened by the owner of the pipe. */
  for (int index = 0; index < 2; index++)
    if (spec->has_owner && fchown(spec->outputs[index], spec->user, spec->group) < 0) fail_at(supervisor, STEP_OWNER);
  dup2(input, STDIN_FILENO);
  dup2(spec->outputs[0], STDOUT_FILENO);
  dup2(spec->outputs[1], STDERR_FILENO);
  /* Among them are outputs of jobs to come. */
  close_from(FD_FIRST_FREE);
}

static void start(struct supervisor *supervisor, struct spec *spec) {
  if (!launch_prepare(spec, &supervisor->failure)) fail(supervisor, &supervisor->failure);
  supervisor->failure = (struct failure){0};
  supervisor->waits_for_input = spec->input_file != NULL;
  place_outputs(supervisor, spec);
  int failures[2];
  if (pipe2(failures, O_CLOEXEC) < 0) fail_at(supervisor, STEP_FORK);
  pid_t pid = spec->unified_cgroup != NULL ? fork_into(spec->unified_cgroup) : -1;
  if (pid < 0) {
    if (spec->unified_cgroup != NULL && spec->cgroup_count < CGROUPS_MAX)
      spec->cgroups[spec->cgroup_count++] = spec->unified_cgroup;
    pid = fork();
  }
  if (pid < 0) fail_at(supervisor, STEP_FORK);
  if (pid == 0) launch(spec, failures[1]);
  close(failures[1]);
  supervisor->main = pid;
  supervisor->failures = failures[0];
  for (int fd = 0; fd <= 2; fd++) dup2(FD_NULL, fd);
}

/* Reads what the launch says. At the end it has failed, was killed, or has become the job's program. */
static void read_failures(struct supervisor *supervisor) {
  size_t room = sizeof supervisor->said - supervisor->said_size;
  ssize_t size = read(supervisor->failures, supervisor->said + supervisor->said_size, room);
  if (size < 0 && errno == EINTR) return;
  if (size > 0) {
    supervisor->said_size += (size_t)size;
    return;
  }
  close(supervisor->failures);
  supervisor->failures = -1;
  size_t failure_size = sizeof supervisor->failure;
  if (supervisor->said_size >= failure_size) {
    memcpy(&supervisor->failure, supervisor->said + supervisor->said_size - failure_size, failure_size);
    return;
  }
  /* Killed while it waited for its input. Had it been killed elsewhere, it would count as begun: it may have. */
  if (supervisor->waits_for_input && supervisor->said_size == 0) return;
  supervisor->began = true;
  struct frame frame;
  frame_begin(&frame, EVENT_STARTED, supervisor->job);
  frame_put_i32(&frame, getpid());
  frame_put_i32(&frame, supervisor->main);
  frame_send(&frame);
}

static void reap(struct supervisor *supervisor) {
  for (;;) {
    int status;
    pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);
    if (pid == 0) return;
    if (pid < 0) {
      supervisor->empty = errno == ECHILD;
      return;
    }
    if (pid != supervisor->main) continue;
    supervisor->main_ended = true;
    supervisor->status = status;
  }
}

static void obey(struct supervisor *supervisor, int command) {
  switch (command) {
  case COMMAND_KILL: supervisor->killing = true; break;
  case COMMAND_RELEASE: _exit(0);
  default:
    /* Later its number may be that of another group. */
    if (supervisor->main_ended) return;
    /* It has no group yet if it has only just been forked; then it is alone. */
    if (kill(-supervisor->main, command) < 0) kill(supervisor->main, command);
    /* A stopped process takes no signal but this one and SIGKILL. */
    if (command != SIGKILL) kill(-supervisor->main, SIGCONT);
  }
}

static void read_signals(struct supervisor *supervisor) {
  struct signalfd_siginfo signals[16];
  ssize_t size = read(FD_SIGNALS, signals, sizeof signals);
  for (ssize_t index = 0; index < size / (ssize_t)sizeof signals[0]; index++) {
    /* SIGCHLD needs no answer of its own: children are looked for in any case. */
    if (signals[index].ssi_signo == (uint32_t)SIGRTMIN) obey(supervisor, signals[index].ssi_int);
    if (signals[index].ssi_signo == SIGTERM) supervisor->killing = true;
  }
}

/* Ends this process when there is nothing left to wait for. */
static void tell(struct supervisor *supervisor) {
  if (!supervisor->main_ended) return;
  while (supervisor->failures >= 0) read_failures(supervisor);
  if (!supervisor->began && supervisor->failure.step != 0) {
    if (supervisor->empty) fail(supervisor, &supervisor->failure);
    supervisor->killing = true;
    return;
  }
  struct frame frame;
  if (!supervisor->exit_told) {
    frame_begin(&frame, EVENT_EXITED, supervisor->job);
    frame_put_i32(&frame, supervisor->status);
    frame_put_u8(&frame, supervisor->empty);
    put_usage(&frame);
    frame_send(&frame);
    supervisor->exit_told = true;
  } else if (supervisor->empty) {
    frame_begin(&frame, EVENT_EMPTY, supervisor->job);
    put_usage(&frame);
    frame_send(&frame);
  }
  if (supervisor->empty) _exit(0);
}

void supervise(uint32_t job, struct reader request, int spawner) {
  struct supervisor supervisor = {.job = job, .failures = -1};
  struct spec spec;
  errno = ENOMEM;
  if (!spec_read(&spec, request)) fail_at(&supervisor, STEP_FORK);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  start(&supervisor, &spec);
  /* After what may clear it. The spawner may have died before. */
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  supervisor.killing = getppid() != spawner;
  int wait_ms = SWEEP_MS;
  for (;;) {
    reap(&supervisor);
    tell(&supervisor);
    int timeout_ms = -1;
    if (supervisor.killing) {
      tree_kill();
      timeout_ms = wait_ms;
    }
    struct pollfd sources[] = {{FD_SIGNALS, POLLIN, 0}, {supervisor.failures, POLLIN, 0}};
    int ready = poll(sources, 2, timeout_ms);
    if (ready < 0) continue;
    if (ready == 0) wait_ms = wait_ms * 2 < MAX_SWEEP_MS ? wait_ms * 2 : MAX_SWEEP_MS;
    if (sources[1].revents != 0) read_failures(&supervisor);
    if (sources[0].revents != 0) read_signals(&supervisor);
  }
}
