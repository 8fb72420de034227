/* metrics.h - the counters over HTTP, at /metrics, for Prometheus. */
#ifndef KT_METRICS_H
#define KT_METRICS_H

#include "config.h"
#include "report.h"

struct metrics;

/* Serve at the address.  NULL after having logged why.  `src` is borrowed. */
struct metrics *metrics_new(const struct conf_addr *at, const struct report_source *src);
void metrics_free(struct metrics *m);

/* Limits that tests look at. */
enum { METRICS_CLIENTS_MAX = 8, METRICS_REQUEST_S = 5 };

#endif
