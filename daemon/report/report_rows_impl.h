/* report_rows_impl.h - what the sources of report_rows share. */
#ifndef KT_REPORT_ROWS_IMPL_H
#define KT_REPORT_ROWS_IMPL_H

#include "report_rows.h"
#include "row.h"

double report_seconds_since(const struct tunnel *t, uint64_t at_us);
const char *report_role(const struct tunnel *t);
/* What stands in queues on the way, as far as round trips tell; NAN before one is known. */
double report_queue_ms(const struct kcp_info *k);
/* Only a controller that measures the path's rate tells what the medium loses; NAN without one. */
double report_medium_loss(const struct kcp_info *k);
/* Numbers of FEC, or null: none. */
json_t *report_shards(unsigned data, unsigned parity);

#endif
