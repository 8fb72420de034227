/* netwatch_impl.h - what the files of netwatch share; nobody else includes it. */
#ifndef KT_NETWATCH_IMPL_H
#define KT_NETWATCH_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NETWATCH_LOOK_US = 100 * 1000, /* without news: that was all */
	NETWATCH_MOST_US = 500 * 1000, /* so long after the first news at most */
};

/* A burst of news becomes one event.  The look at what came follows the first news, and each that brought more. */
struct netwatch_burst {
	bool under_way;
	uint64_t first_us;
};

/* News: true when they are the first, and a look is to follow in NETWATCH_LOOK_US. */
bool netwatch_burst_news(struct netwatch_burst *b, uint64_t now_us);
/* The look: true when the burst is over, else another one is to follow. */
bool netwatch_burst_over(struct netwatch_burst *b, uint64_t now_us, bool more);

/* Whether one datagram of rtnetlink tells of something by which the way to a host may have changed.  Aligned as a struct
 * nlmsghdr; what is cut short or no message counts for nothing. */
bool netwatch_matters(const void *datagram, size_t bytes);

#endif
