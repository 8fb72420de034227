/* report_rows_impl.h - what the sources of report_rows share. */
#ifndef KT_REPORT_ROWS_IMPL_H
#define KT_REPORT_ROWS_IMPL_H

#include "report_rows.h"
#include "row.h"

double report_seconds_since(const struct tunnel *t, uint64_t at_us);
const char *report_role(const struct tunnel *t);
/* Numbers of FEC, or null: none. */
json_t *report_shards(unsigned data, unsigned parity);

#endif
