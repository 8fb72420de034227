/* path.h - one way through the network that several conversations share.
 *
 * Conversations between the same two hosts meet in the same bottleneck.  Each with a controller
 * of its own would probe for what another knows already, and eight would take eight parts.  So they
 * become members of one path (the idea of RFC 3124): one controller hears what happened to all of
 * them, and what it allows is split among them.
 *
 *     p = path_new(&kcp_cc_model);
 *     path_join(p, &member);
 *     cfg.cc = &path_cc, cfg.cc_arg = &member;        or kcp_set_cc()
 *     k = kcp_new(&cfg, now_us);
 *     ...
 *     kcp_free(k);                                    or kcp_set_cc() to another one
 *     path_leave(&member);
 *     path_free(p);
 *
 * What the controller hears is one sample of the path: bytes in flight and in all are sums over the
 * members, and the rate of delivery is that of all of them since the newest transmission that a member
 * knows to have arrived.  A path with one member tells what the member told, to the last digit.
 *
 * What it decides is split by demand.  A member that its application limits takes what it needs, and
 * the others share what is left in equal parts; one that begins to send has its part at once, and what
 * one does not need any more goes back to the others.  The sum exceeds the controller's rate by no more than
 * a burst of each that begins.
 *
 * What is known of the path outlives the members: one that joins starts at the known rate.  After
 * PATH_KEEP_US in which nothing was acknowledged it is forgotten.
 *
 * Cost: an update takes the same time however many members there are. */
#ifndef KT_PATH_H
#define KT_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kcp.h"

#define PATH_KEEP_US (UINT64_C(600) * 1000000)

struct path;

/* Part of whoever has the kcp; path_join() and the kcp's updates fill it in. */
struct path_member {
	struct path *path;                    /* borrowed; NULL: of none */
	struct path_member *newer, *older;    /* of the active ones, by their last updates */
	uint64_t updated_us;                  /* the last time it had a say */
	uint64_t delivered_bytes, lost_bytes; /* its totals by then */
	uint64_t use;                         /* bytes per second that it sent of late */
	uint32_t inflight_bytes;
	uint32_t snd_wnd, rmt_wnd;
	uint64_t heard_us; /* when it was last acknowledged, if `timed` */
	bool active;       /* in the list */
	bool timed;        /* it tells when the path delivers */
	bool limited;      /* the controller holds it back: it wants more than its part */
};

/* A controller for members: `cc_arg` is their struct path_member. */
extern const struct kcp_cc path_cc;

/* `cc` is borrowed for the life of the path.  NULL when out of memory. */
struct path *path_new(const struct kcp_cc *cc);
/* Nobody may be left on it.  NULL is fine. */
void path_free(struct path *p);

/* Before the kcp is given to path_cc.  It may be a member of one path at a time. */
void path_join(struct path *p, struct path_member *m);
/* After the kcp is gone or has another controller.  Nothing if it is of no path. */
void path_leave(struct path_member *m);

/* Of the controller that members have in common. */
const char *path_cc_name(const struct path *p);
unsigned path_members(const struct path *p);
/* When a byte was last acknowledged, or the path was made; what is to be done with an empty one
 * follows from that. */
uint64_t path_heard_us(const struct path *p);
size_t path_memory(const struct path *p);
/* The longest UDP payloads that a member found to pass, bytes; 0: nobody looked. */
size_t path_mtu(const struct path *p);
void path_set_mtu(struct path *p, size_t bytes);

/* What the controller allows all of them together. */
const struct kcp_cc_control *path_control(const struct path *p);

/* Assert every invariant; costs O(active members). */
void path_verify(const struct path *p);

#endif
