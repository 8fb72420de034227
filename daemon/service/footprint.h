/* footprint.h - give memory back to the system. */
#ifndef KT_FOOTPRINT_H
#define KT_FOOTPRINT_H

/* Once, when all that is done once has been done: drop what only that needed. */
void footprint_started(void);
/* When a busy time is over and its buffers are free: the allocator keeps them otherwise. */
void footprint_idle(void);

#endif
