/* report.h - what the daemon tells of itself, as JSON, a few rows at a time.
 *
 * A report is one document: a head, and one list of rows.  Each step makes at most one row and
 * costs some ten microseconds, whatever the number of sessions, so that its reader
 * can spread it over as many turns of the loop as traffic leaves it. */
#ifndef KT_REPORT_H
#define KT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "reactor.h"
#include "text.h"

struct tunnel;
struct link;
struct relay;
struct json_t;

/* Where the present state is found; the set of tunnels may change between steps. */
struct report_source {
	struct reactor *reactor;
	uint64_t started_us;
	void *user;
	size_t (*tunnels)(void *user, struct tunnel *const **list);
	const struct config *(*config)(void *user);
};

enum report_kind {
	REPORT_STATUS, /* a row per tunnel: what it is and how it is */
	REPORT_STATS,  /* a row per tunnel: its counters */
	REPORT_SESSIONS,
	REPORT_STREAMS,
	REPORT_CONFIG, /* a row per section of the configuration in use */
	REPORT_RESET,  /* sets the counters of the tunnels it visits to zero */
};

struct report;

/* Of one tunnel by its name, or of all with NULL.  NULL when out of memory.  `src` is borrowed. */
struct report *report_new(const struct report_source *src, enum report_kind kind, const char *tunnel);
void report_free(struct report *r);

/* The document without its rows; NULL when out of memory. */
struct json_t *report_head(const struct report *r);
/* The name of the list that the rows belong in. */
const char *report_list(const struct report *r);

enum report_step { REPORT_ROW, REPORT_MORE, REPORT_END, REPORT_FAILED };
/* REPORT_ROW: *row is the caller's.  REPORT_MORE: call again.  REPORT_FAILED: out of memory. */
enum report_step report_next(struct report *r, struct json_t **row);

enum report_write { WRITE_MORE, WRITE_DONE, WRITE_FAILED };
/* Append the document as text, with a newline at its end, in at most `steps` steps and little more
 * than `bytes_max` bytes a call. */
enum report_write report_write(struct report *r, struct text *out, unsigned steps, size_t bytes_max);

struct tunnel *report_find_tunnel(const struct report_source *src, const char *name);
/* By the id of a session's row, or by its conv if only one has it.  With NULL *many tells
 * whether there were several. */
struct link *report_find_session(const struct report_source *src, const char *id, bool *many);
/* By the name of a stream's row, with the link that it is on. */
struct relay *report_find_stream(const struct report_source *src, const char *name, struct link **l);

#endif
