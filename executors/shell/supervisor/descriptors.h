/* The file descriptors of this program. All but the first three are closed by exec. */
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

enum {
  FD_EVENTS = 3,   /* to the executor; shared by the spawner and all supervisors */
  FD_REQUESTS = 4, /* from the executor; the spawner's alone. Its end means that the executor is gone. */
  FD_NULL = 5,     /* /dev/null */
  FD_SIGNALS = 6,  /* a signalfd: each process reads its own signals from it */
  FD_FIRST_FREE = 7,
};

/* Closes every descriptor from `first` on. */
void close_from(int first);

#endif
