/* limit.h - what holds a sender back, as one word. */
#ifndef KT_LIMIT_H
#define KT_LIMIT_H

#include "kcp.h"

enum { LIMITS = 5 };

/* By enum kcp_limit: the words of the documents and metrics. */
extern const char *const limit_words[LIMITS];

/* What it is for people, who think of a controller only where one looks for the path's rate:
 * without one, what it spreads out is the window. */
enum kcp_limit limit_of(const struct kcp_info *k);

#endif
