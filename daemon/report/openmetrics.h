/* openmetrics.h - the documents of the control channel as OpenMetrics text, for Prometheus. */
#ifndef KT_OPENMETRICS_H
#define KT_OPENMETRICS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "text.h"

#define OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* Where a writer is: zeroed to begin with. */
struct openmetrics {
	size_t family, row;
	bool begun;
};

/* Is there such a text of a document of this "type"? */
bool openmetrics_has(const char *type);
/* Append at most about `lines` lines of `document` (status, stats, sessions or streams, with all its
 * rows); true when that was the last, "# EOF". */
bool openmetrics_write(struct openmetrics *m, struct text *out, const json_t *document, size_t lines);

#endif
