/* path_impl.h - what the path's files share; nobody else includes it.
 *
 *     demand.c   who sends how much, and who wants more
 *     merge.c    samples of members become samples of the path
 *     split.c    what the controller allows is split among the members
 *     path.c     life, membership, the controller's turn
 *
 * spread.c is beside them: which session a new stream is given to. */
#ifndef KT_PATH_IMPL_H
#define KT_PATH_IMPL_H

#include "kcp_minmax.h"
#include "path.h"

enum {
	/* Looks at the path, so far apart that they reach back two and a half round trips. */
	LOOKS = 64,
	LOOKS_PER_ROUND = 24,
	LOOK_US = 1000, /* before a round trip is known */
};

/* The path's totals at some time, for the rate of delivery since. */
struct path_look {
	uint64_t at_us;
	uint64_t delivered_bytes, lost_bytes;
	uint64_t delivered_us; /* when the former last grew */
	uint64_t first_us;     /* when the newest transmission that was sampled by then left */
	uint32_t inflight_bytes;
	uint32_t back_us; /* what was acknowledged last had waited on its way */
	bool app_limited; /* the controller held back nobody */
};

struct path {
	const struct kcp_cc *cc;
	struct kcp_cc_control control; /* of all together */
	bool known;                    /* the controller has begun */
	unsigned members;
	uint64_t heard_us;
	size_t mtu; /* 0: unknown */

	/* demand.c */
	struct path_member *newest, *oldest; /* active ones, by their last update */
	unsigned active, limited;            /* how many of them */
	uint64_t use;                        /* of the active ones that are not limited */

	/* merge.c */
	uint64_t delivered_bytes, lost_bytes, delivered_us, first_us;
	unsigned timed;             /* limited members that were acknowledged since they are */
	uint64_t timed_sum_us;      /* of the times at which they last were */
	uint64_t app_limited_until; /* delivered or lost up to where; 0: no limit */
	uint64_t inflight_bytes;
	uint64_t snd_wnd, rmt_wnd; /* sums */
	uint32_t srtt_us, min_rtt_us;
	uint32_t back_us; /* as a member told at back_at_us */
	uint64_t back_at_us;
	/* Since then all that arrived or got lost was this member's, so that what it measures is
	 * what the path does. */
	const struct path_member *sole;
	uint64_t sole_since_us;
	struct path_look *looks; /* a ring of LOOKS; NULL as long as there was but one member */
	unsigned look_next, look_count;

	union {
		uint64_t align;
		uint8_t bytes[KCP_CC_STATE_MAX];
	} state; /* of cc */
};

/* ---- demand.c --------------------------------------------------------------------- */

/* A member's update: it is the newest of the active ones.  Before path_merge(). */
void path_demand(struct path *p, struct path_member *m, const struct kcp_cc_sample *s);
/* It is not active any more. */
void path_demand_ends(struct path *p, struct path_member *m);

/* ---- merge.c ---------------------------------------------------------------------- */

/* Its totals count from here on. */
void path_merge_joins(struct path *p, struct path_member *m, const struct kcp_cc_sample *s);
/* What it has in flight is nobody's any more. */
void path_merge_leaves(struct path *p, struct path_member *m);
/* It does not fill the path any more. */
void path_untime(struct path *p, struct path_member *m);
/* The path's sample for what a member's says. */
void path_merge(struct path *p, struct path_member *m, const struct kcp_cc_sample *s,
		struct kcp_cc_sample *out);

/* ---- split.c ---------------------------------------------------------------------- */

/* The member's part of what is allowed. */
void path_split(const struct path *p, const struct path_member *m, uint32_t mss,
		struct kcp_cc_control *control);

#endif
