/* metrics.h - the counters over HTTP, at /metrics, for Prometheus. */
#ifndef KT_METRICS_H
#define KT_METRICS_H

#include "config.h"
#include "report.h"

struct metrics;

/* Served nowhere yet.  `src` is borrowed.  NULL: out of memory. */
struct metrics *metrics_new(const struct report_source *src);

/* They are served, or will be as soon as the address's name is known; or they cannot be, which was logged. */
typedef void metrics_ready_fn(void *user, bool good);
/* The first address.  `ready` is called once, from the loop.  False: out of memory. */
bool metrics_start(struct metrics *m, const struct conf_addr *at, metrics_ready_fn *ready, void *user);

/* They are served there now, and no longer where they were; else `why` they go on as they were. */
typedef void metrics_moved_fn(void *user, const char *why);
/* Go over to another address, or with a text of NULL to none; `moved` is called once, from the loop or before this returns.
 * Scrapes under way go on. */
void metrics_move(struct metrics *m, const struct conf_addr *at, metrics_moved_fn *moved, void *user);
/* One that is under way is given up, and `moved` is not called. */
void metrics_cancel_move(struct metrics *m);
void metrics_free(struct metrics *m);

/* Limits that tests look at. */
enum { METRICS_CLIENTS_MAX = 8, METRICS_REQUEST_S = 5 };

#endif
