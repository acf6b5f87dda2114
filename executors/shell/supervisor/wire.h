/*
 * What the shell executor and this program say to each other: frames on two streams. The executor's side is ../spawner/native/wire.ts.
 *
 * A frame is its length (of what follows it), a kind, the number of a job, and what belongs to the kind. All numbers have the byte order of
 * the machine; both sides are on the same one. A change in here is a new `WIRE_VERSION`.
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WIRE_VERSION = 1 };

/* Length, kind, job. */
enum { FRAME_HEAD = 4 + 1 + 4 };

/* Largest frame in either direction: far above what the kernel takes for arguments and environment. */
enum { FRAME_MAX = 64 * 1024 * 1024 };

/* From the executor. */
enum request {
  REQUEST_PIPES = 1,   /* u32 how many */
  REQUEST_SPAWN = 2,   /* fields, see below */
  REQUEST_COMMAND = 3, /* i32: a signal for the job's process group, or one of `enum command` */
  REQUEST_HOLD = 4,    /* path of a directory, to be removed if the executor dies */
  REQUEST_RELEASE = 5, /* the same path: it need not be removed any more */
};

/* To one job's supervisor. Positive numbers are signals. */
enum command {
  COMMAND_KILL = -1,    /* kill everything, until nothing is left */
  COMMAND_RELEASE = -2, /* the job is over: leave what is left alone */
};

/* What a job is to be started with. A field is its tag, its length, and its bytes; texts end with NUL, which counts. */
enum field {
  FIELD_FILE = 1,
  FIELD_ARGUMENT = 2,
  FIELD_VARIABLE = 3,
  FIELD_CWD = 4,
  FIELD_INPUT = 5,      /* path, opened with the rights of this program */
  FIELD_INPUT_FILE = 6, /* path, opened with the rights of the job */
  FIELD_OUTPUTS = 7,    /* two i32: file descriptors of this program, out of EVENT_PIPES */
  FIELD_OWNER = 8,      /* u32 user, u32 group */
  FIELD_UMASK = 9,      /* u32 */
  FIELD_NICE = 10,      /* i32 */
  FIELD_LIMIT = 11,     /* u8 letter of ulimit, u64 soft, u64 hard */
  FIELD_NO_NEW_PRIVILEGES = 12,
  FIELD_CGROUP = 13,         /* path of a directory */
  FIELD_UNIFIED_CGROUP = 14, /* the same, in a hierarchy of version 2 */
  FIELD_PID_NAMESPACE = 15,
  FIELD_NO_NETWORK = 16,
  FIELD_READ_ONLY = 17,
  FIELD_WRITABLE = 18, /* path, with FIELD_READ_ONLY */
};

/* To the executor. Each is written in one piece by whoever has it to say, and is short enough to stay in one piece. */
enum event {
  EVENT_HELLO = 1,   /* u32 WIRE_VERSION */
  EVENT_PIPES = 2,   /* i32 errno or 0, then i32 file descriptors of this program: write ends of pipes */
  EVENT_STARTED = 3, /* i32 pid of the job's supervisor, i32 pid of its main process: the job's program runs */
  EVENT_FAILED = 4,  /* u8 enum step, u8 detail, i32 errno: the job's program does not run, and nothing is left. The last event of a job. */
  EVENT_EXITED = 5,  /* i32 wait status of the main process, u8 whether nothing is left, usage. If so, the last event. */
  EVENT_EMPTY = 6,   /* usage: nothing is left any more. The last event of a job. */
  EVENT_LOST = 7,    /* the job's supervisor was killed. The last event of a job. */
};

/* What can go wrong between fork and exec, and by the executor's names for it. */
enum step {
  STEP_FORK = 1,
  STEP_INPUT = 2,
  STEP_CGROUP = 3,
  STEP_NICE = 4,
  STEP_LIMIT = 5, /* detail: the letter */
  STEP_ISOLATION = 6, /* detail: enum isolation_detail */
  STEP_OWNER = 7,
  STEP_CWD = 8,
  STEP_INPUT_FILE = 9,
  STEP_EXEC = 10,
};

enum isolation_detail {
  ISOLATION_PID = 1,
  ISOLATION_NETWORK = 2,
  ISOLATION_READ_ONLY = 3,
  ISOLATION_PRIVILEGES = 4,
};

/* A frame in the making. */
struct frame {
  size_t size;
  unsigned char bytes[512];
};

void frame_begin(struct frame *frame, enum event kind, uint32_t job);
void frame_put(struct frame *frame, const void *bytes, size_t size);
void frame_put_i32(struct frame *frame, int32_t value);
void frame_put_u8(struct frame *frame, uint8_t value);
/* To the executor. If it is gone, nothing happens: whoever calls learns of that in another way. */
void frame_send(struct frame *frame);

/* Bytes that came, to be read from the front. */
struct reader {
  const unsigned char *bytes;
  size_t left;
};

/* Takes `size` bytes off. False, and nothing is taken, if there are fewer. */
bool reader_take(struct reader *reader, void *into, size_t size);

#endif
