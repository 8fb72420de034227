/* snmplog.h - counters as lines of CSV, one a period, as kcptun writes them.
 *
 *     Unix,BytesSent,BytesReceived,...        when the file is new or empty
 *     1795418071,1024,2048,...
 *
 * As in kcptun a line tells what was counted since the line before; gauges and peaks are those
 * of the moment.  The columns are kcptun's (2026 line), none of ours, so that graphs go on working.
 * The last part of the path is a Go time layout (gotime.h), so that the file changes as time
 * goes on; it is opened for each line, so that it may be moved away at any time. */
#ifndef KT_SNMPLOG_H
#define KT_SNMPLOG_H

#include <ev.h>
#include <stdbool.h>
#include <time.h>

#include "counters.h"
#include "log.h"
#include "reactor.h"

/* Totals that never fall, whoever resets what is shown elsewhere. */
typedef void snmplog_sum_fn(void *user, struct counters *out);

struct snmplog {
	struct reactor *reactor; /* borrowed */
	const char *tag;         /* borrowed; the tunnel's name, NULL for the process */
	snmplog_sum_fn *sum;
	void *user;
	char *path; /* owned; NULL: off */
	unsigned period_s;
	struct counters written; /* the totals that the lines so far add up to */
	struct log_limit limit;
	ev_timer timer;
};

/* Off to begin with. */
void snmplog_init(struct snmplog *l, struct reactor *r, const char *tag, snmplog_sum_fn *sum,
		  void *user);
/* Write to `path` (copied) every so many seconds from now on; NULL or 0: no more.  When both are as
 * before, nothing changes.  What was counted up to now goes to the path so far. */
void snmplog_set(struct snmplog *l, const char *path, unsigned period_s);
/* Writes what was counted since the last line. */
void snmplog_dispose(struct snmplog *l);

/* What the timer does, at the wall clock's `wall`: a line.  What could not be written is told
 * once a minute, and is in the next line that can. */
void snmplog_tick(struct snmplog *l, const struct timespec *wall);

/* The file to write to at `wall` in local time; only the last part of `path` is a layout.  False: it
 * is longer than a path can be. */
bool snmplog_file(char *out, size_t cap, const char *path, const struct timespec *wall);

#endif
