#include "wire.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "descriptors.h"

void frame_begin(struct frame *frame, enum event kind, uint32_t job) {
  frame->size = 4; /* of the length, which is known at the end */
  frame_put_u8(frame, (uint8_t)kind);
  frame_put(frame, &job, sizeof job);
}

void frame_put(struct frame *frame, const void *bytes, size_t size) {
  if (size > sizeof frame->bytes - frame->size) return;
  memcpy(frame->bytes + frame->size, bytes, size);
  frame->size += size;
}

void frame_put_i32(struct frame *frame, int32_t value) { frame_put(frame, &value, sizeof value); }

void frame_put_u8(struct frame *frame, uint8_t value) { frame_put(frame, &value, sizeof value); }

void frame_send(struct frame *frame) {
  uint32_t length = (uint32_t)(frame->size - 4);
  memcpy(frame->bytes, &length, sizeof length);
  /* Frames of several processes meet on one socket. The kernel queues a small write as a whole or not at all. */
  while (write(FD_EVENTS, frame->bytes, frame->size) < 0 && errno == EINTR) continue;
}

bool reader_take(struct reader *reader, void *into, size_t size) {
  if (reader->left < size) return false;
  memcpy(into, reader->bytes, size);
  reader->bytes += size;
  reader->left -= size;
  return true;
}
