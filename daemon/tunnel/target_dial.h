/* target_dial.h - connects a stream to one of its tunnel's targets.
 *
 * They are tried one after another, in the order that targets.h knows: the next one when one fails, and also when it has not
 * answered for a second; it may still do so, and the first that does is taken. */
#ifndef KT_TARGET_DIAL_H
#define KT_TARGET_DIAL_H

struct relay;
struct target_dial;

/* The result: a connected non-blocking descriptor, the receiver's; or -1 when all have failed, which was told. */
typedef void target_dial_done_fn(void *user, int fd);

/* Those of the relay's tunnel; the log names its stream.  `done` is called once, from the loop, never before this returns.  NULL: out of memory. */
struct target_dial *target_dial_start(const struct relay *relay, target_dial_done_fn *done,
				      void *user);
/* Before `done`: it will not be called. */
void target_dial_cancel(struct target_dial *d);

#endif
