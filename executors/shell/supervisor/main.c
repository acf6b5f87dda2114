/*
 * Starts, watches and ends the processes of jobs for the shell executor: what Node cannot do by itself.
 *
 * The executor runs one of these, the spawner, and asks it for pipes and for jobs. For each job the spawner forks a supervisor (supervise.c),
 * which forks the job (launch.c). Supervisors talk to the executor directly. When the executor dies, in whatever way, its end of the streams is
 * closed; then everything of every job is killed, and the directories made for jobs are removed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descriptors.h"
#include "supervise.h"
#include "wire.h"

enum { PIPES_AT_ONCE = 64, READ_SIZE = 64 * 1024 };

/* A job whose supervisor lives. */
struct job {
  uint32_t number;
  pid_t supervisor;
};

struct spawner {
  struct job *jobs;
  size_t job_count, job_room;
  char **held; /* directories */
  size_t held_count, held_room;
  /* What has come and is not yet done. */
  unsigned char *input;
  size_t input_size, input_room;
};

/* Makes room for one more element. False: out of memory. */
static bool grow(void **list, size_t count, size_t *room, size_t element_size) {
  if (count < *room) return true;
  size_t wanted = *room == 0 ? 64 : *room * 2;
  void *grown = realloc(*list, wanted * element_size);
  if (grown == NULL) return false;
  *list = grown;
  *room = wanted;
  return true;
}

static void fail_job(uint32_t job, int error) {
  struct frame frame;
  frame_begin(&frame, EVENT_FAILED, job);
  frame_put_u8(&frame, STEP_FORK);
  frame_put_u8(&frame, 0);
  frame_put_i32(&frame, error);
  frame_send(&frame);
}

/* Pipes for outputs of jobs to come. The executor opens their other ends by way of /proc, so this side needs only one end of each. */
static void make_pipes(struct reader request) {
  uint32_t wanted;
  if (!reader_take(&request, &wanted, sizeof wanted)) return;
  int made[PIPES_AT_ONCE];
  uint32_t count = 0;
  int error = 0;
  for (; count < wanted && count < PIPES_AT_ONCE; count++) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
      error = errno;
      break;
    }
    close(ends[0]);
    made[count] = ends[1];
  }
  struct frame frame;
  frame_begin(&frame, EVENT_PIPES, 0);
  frame_put_i32(&frame, error);
  for (uint32_t index = 0; index < count; index++) frame_put_i32(&frame, made[index]);
  frame_send(&frame);
}

/* The outputs that a request names belong to its job, whether it is started or not. */
static void close_outputs(struct reader request) {
  while (request.left > 0) {
    unsigned char tag;
    uint32_t size;
    int outputs[2];
    if (!reader_take(&request, &tag, 1) || !reader_take(&request, &size, sizeof size) || size > request.left) return;
    struct reader field = {request.bytes, size};
    if (tag == FIELD_OUTPUTS && reader_take(&field, outputs, sizeof outputs)) {
      for (int index = 0; index < 2; index++)
        if (outputs[index] >= FD_FIRST_FREE) close(outputs[index]);
    }
    request.bytes += size;
    request.left -= size;
  }
}

static void spawn(struct spawner *spawner, uint32_t job, struct reader request) {
  if (!grow((void **)&spawner->jobs, spawner->job_count, &spawner->job_room, sizeof *spawner->jobs)) {
    fail_job(job, ENOMEM);
  } else {
    pid_t self = getpid();
    pid_t pid = fork();
    if (pid == 0) {
      close(FD_REQUESTS);
      supervise(job, request, self);
    }
    if (pid < 0) fail_job(job, errno);
    else spawner->jobs[spawner->job_count++] = (struct job){job, pid};
  }
  close_outputs(request);
}

static void command(const struct spawner *spawner, uint32_t number, struct reader request) {
  int32_t value;
  if (!reader_take(&request, &value, sizeof value)) return;
  for (size_t index = 0; index < spawner->job_count; index++) {
    /* Its pid cannot be somebody else's: until it is waited for, it stays its own. */
    if (spawner->jobs[index].number == number)
      sigqueue(spawner->jobs[index].supervisor, SIGRTMIN, (union sigval){.sival_int = value});
  }
}

static void hold(struct spawner *spawner, struct reader request) {
  char *path = strndup((const char *)request.bytes, request.left);
  if (path == NULL || !grow((void **)&spawner->held, spawner->held_count, &spawner->held_room, sizeof *spawner->held)) free(path);
  else spawner->held[spawner->held_count++] = path;
}

static void release(struct spawner *spawner, struct reader request) {
  for (size_t index = 0; index < spawner->held_count; index++) {
    char *path = spawner->held[index];
    if (strlen(path) != request.left || memcmp(path, request.bytes, request.left) != 0) continue;
    spawner->held[index] = spawner->held[--spawner->held_count];
    free(path);
    return;
  }
}

static void handle(struct spawner *spawner, struct reader frame) {
  unsigned char kind;
  uint32_t job;
  if (!reader_take(&frame, &kind, sizeof kind) || !reader_take(&frame, &job, sizeof job)) return;
  switch (kind) {
  case REQUEST_PIPES: make_pipes(frame); break;
  case REQUEST_SPAWN: spawn(spawner, job, frame); break;
  case REQUEST_COMMAND: command(spawner, job, frame); break;
  case REQUEST_HOLD: hold(spawner, frame); break;
  case REQUEST_RELEASE: release(spawner, frame); break;
  }
}

/* Reads what is there, and does what is complete. False: the executor is gone. */
static bool read_requests(struct spawner *spawner) {
  if (spawner->input_room - spawner->input_size < READ_SIZE) {
    size_t room = spawner->input_size + 2 * READ_SIZE;
    if (room > FRAME_MAX + 2 * READ_SIZE) return false;
    unsigned char *grown = realloc(spawner->input, room);
    if (grown == NULL) return false;
    spawner->input = grown;
    spawner->input_room = room;
  }
  ssize_t size = read(FD_REQUESTS, spawner->input + spawner->input_size, spawner->input_room - spawner->input_size);
  if (size < 0) return errno == EINTR || errno == EAGAIN;
  if (size == 0) return false;
  spawner->input_size += (size_t)size;
  struct reader reader = {spawner->input, spawner->input_size};
  uint32_t length;
  while (reader.left >= sizeof length) {
    memcpy(&length, reader.bytes, sizeof length);
    if (reader.left - sizeof length < length) break;
    handle(spawner, (struct reader){reader.bytes + sizeof length, length});
    reader.bytes += sizeof length + length;
    reader.left -= sizeof length + length;
  }
  memmove(spawner->input, reader.bytes, reader.left);
  spawner->input_size = reader.left;
  return true;
}

static void reap(struct spawner *spawner) {
  struct signalfd_siginfo signals[16];
  while (read(FD_SIGNALS, signals, sizeof signals) > 0) continue;
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    for (size_t index = 0; index < spawner->job_count; index++) {
      struct job job = spawner->jobs[index];
      if (job.supervisor != pid) continue;
      spawner->jobs[index] = spawner->jobs[--spawner->job_count];
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) break;
      struct frame frame;
      frame_begin(&frame, EVENT_LOST, job.number);
      frame_send(&frame);
      break;
    }
  }
}

/* The executor is gone: end its jobs, then remove what it cannot remove any more. */
static _Noreturn void clean_up(struct spawner *spawner) {
  for (size_t index = 0; index < spawner->job_count; index++) kill(spawner->jobs[index].supervisor, SIGTERM);
  while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) continue;
  if (spawner->held_count == 0) _exit(0);
  char **arguments = calloc(spawner->held_count + 4, sizeof *arguments);
  if (arguments == NULL) _exit(1);
  const char *words[] = {"rm", "-rf", "--"};
  memcpy(arguments, words, sizeof words);
  memcpy(arguments + 3, spawner->held, spawner->held_count * sizeof *arguments);
  execv("/bin/rm", arguments);
  _exit(1);
}

/* Standard input and output are the two streams; they move to where no job has its own. */
static bool place_descriptors(void) {
  /* Whatever was left open by whoever started the executor is not for jobs. */
  close_from(FD_EVENTS);
  if (dup3(STDOUT_FILENO, FD_EVENTS, O_CLOEXEC) < 0 || dup3(STDIN_FILENO, FD_REQUESTS, O_CLOEXEC) < 0) return false;
  if (open("/dev/null", O_RDWR | O_CLOEXEC) != FD_NULL) return false;
  for (int fd = 0; fd <= 2; fd++) dup2(FD_NULL, fd);
  /*
   * The last two are for nobody here: this program ends with the executor, not by a key that was meant for another. They are not ignored, as
   * a job that has just been forked shall not lose them.
   */
  sigset_t handled;
  sigemptyset(&handled);
  for (const int *each = (const int[]){SIGCHLD, SIGTERM, SIGRTMIN, SIGINT, SIGHUP, 0}; *each != 0; each++)
    sigaddset(&handled, *each);
  sigprocmask(SIG_SETMASK, &handled, NULL);
  return signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK) == FD_SIGNALS;
}

int main(int count, char **arguments) {
  if (count != 2 || strcmp(arguments[1], "serve") != 0) {
    fprintf(stderr, "A part of the shell executor, which runs it. Of no use by hand.\n");
    return 64;
  }
  signal(SIGPIPE, SIG_IGN);
  if (!place_descriptors()) return 1;
  uint32_t version = WIRE_VERSION;
  struct frame frame;
  frame_begin(&frame, EVENT_HELLO, 0);
  frame_put(&frame, &version, sizeof version);
  frame_send(&frame);

  struct spawner spawner = {0};
  for (;;) {
    struct pollfd sources[] = {{FD_REQUESTS, POLLIN, 0}, {FD_SIGNALS, POLLIN, 0}};
    if (poll(sources, 2, -1) < 0) continue;
    if (sources[1].revents != 0) reap(&spawner);
    if (sources[0].revents != 0 && !read_requests(&spawner)) clean_up(&spawner);
  }
}
