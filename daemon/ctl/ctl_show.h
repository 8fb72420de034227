/* ctl_show.h - the daemon's documents as people read them. */
#ifndef KT_CTL_SHOW_H
#define KT_CTL_SHOW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "counters.h"

struct ctl_view {
	FILE *out;
	bool colour;
	bool all;       /* counters that are zero, and all columns of sessions, as well */
	size_t columns; /* that there is room for on the screen, 0: no bound */
};

/* Print a document.  `before` is the one of the look before, or NULL: with it, rates are those
 * since then.  False when it is of a kind that has no table. */
bool ctl_show(const struct ctl_view *v, const json_t *document, const json_t *before);

/* Looking into documents.  A number that is not there is NAN, a text "". */
double ctl_number(const json_t *row, const char *key);
double ctl_number_in(const json_t *row, const char *object, const char *key);
const char *ctl_string(const json_t *row, const char *key);
/* The row of `rows` whose `key` is the same as that of `row`, or NULL. */
const json_t *ctl_same_row(const json_t *rows, const json_t *row, const char *key);
/* The counters of a row of stats. */
void ctl_counters(const json_t *row, struct counters *out);
/* What was counted between two looks; gauges and peaks are those of `now`. */
void ctl_counters_since(const struct counters *now, const struct counters *before,
			struct counters *out);
/* Seconds between two documents; NAN without a `before`, or one of another daemon. */
double ctl_seconds_between(const json_t *now, const json_t *before);

#endif
