/* metrics.h - the counters over HTTP, at /metrics, for Prometheus. */
#ifndef KT_METRICS_H
#define KT_METRICS_H

#include "config.h"
#include "report.h"

struct metrics;

/* It is served, or will be as soon as the address's name is known; or it cannot be, which was logged. */
typedef void metrics_ready_fn(void *user, bool good);

/* Serve at the address.  `ready` is called once, from the loop.  `src` is borrowed.  NULL: out of memory. */
struct metrics *metrics_new(const struct conf_addr *at, const struct report_source *src,
			    metrics_ready_fn *ready, void *user);
void metrics_free(struct metrics *m);

/* Limits that tests look at. */
enum { METRICS_CLIENTS_MAX = 8, METRICS_REQUEST_S = 5 };

#endif
