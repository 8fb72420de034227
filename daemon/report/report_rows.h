/* report_rows.h - one thing as one JSON object. */
#ifndef KT_REPORT_ROWS_H
#define KT_REPORT_ROWS_H

#include <jansson.h>

#include "config.h"
#include "counters.h"
#include "limit.h"
#include "link.h"
#include "relay.h"
#include "session.h"
#include "tunnel.h"

/* Of those sessions that know it. */
struct report_spread {
	unsigned count;
	double sum, min, max;
};

/* What the sessions of a tunnel are like together, now. */
struct report_gauges {
	struct report_spread rtt_ms, min_rtt_ms, queue_ms, medium_loss, total_loss;
	uint64_t path_bytes_s; /* of all paths that are measured */
	unsigned limited[LIMITS];
	uint64_t inflight_segs, queued_bytes, memory_bytes;
};
void report_gauges_add(struct report_gauges *g, const struct session_info *info);

enum { REPORT_ID_BYTES = 96 };
/* What a session is called: its tunnel's name and a number that is never used again. */
const char *report_id(const struct link *l, char buf[static REPORT_ID_BYTES]);
enum { REPORT_STREAM_BYTES = REPORT_ID_BYTES + 16 };
/* A stream likewise: its session, and its number there. */
const char *report_stream_name(const struct link *l, const struct relay *relay,
			       char buf[static REPORT_STREAM_BYTES]);

/* All: NULL when out of memory. */
json_t *report_status_row(const struct tunnel *t);
/* `c`: settled, see tunnel_settle_counters(). */
json_t *report_stats_row(const struct tunnel *t, const struct counters *c,
			 const struct report_gauges *g);
json_t *report_session_row(const struct link *l);
json_t *report_stream_row(const struct link *l, const struct relay *relay);
json_t *report_config_row(const struct conf_tunnel *t);
json_t *report_daemon_row(const struct conf_daemon *d);
json_t *report_reset_row(const struct tunnel *t);

#endif
