/* openmetrics.h - the documents of the control channel as OpenMetrics text (1.0.0), or as Prometheus' older text format
 * (0.0.4), which is what node_exporter reads from files, and who asks for nothing in particular gets.  The points are the
 * same; in the older one a counter's family has the name of its point, and units, the type "info" and the end are not told. */
#ifndef KT_OPENMETRICS_H
#define KT_OPENMETRICS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "text.h"

#define OPENMETRICS_MEDIA "application/openmetrics-text"
#define OPENMETRICS_TYPE OPENMETRICS_MEDIA "; version=1.0.0; charset=utf-8"
#define OPENMETRICS_OLD_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Where a writer is: zeroed to begin with, but for `old`. */
struct openmetrics {
	bool old; /* the older format */
	size_t family, row;
	bool begun;
};

/* Is there such a text of a document of this "type"? */
bool openmetrics_has(const char *type);
/* Append at most about `lines` lines of `document` (status, stats, sessions or streams, with all its
 * rows); true when that was the last. */
bool openmetrics_write(struct openmetrics *m, struct text *out, const json_t *document, size_t lines);

#endif
