/* tunnel_snmplog.h - a snmplog for each tunnel, as its configuration says. */
#ifndef KT_TUNNEL_SNMPLOG_H
#define KT_TUNNEL_SNMPLOG_H

#include "tunnel.h"

/* For tunnel_set_init(): a tunnel's log begins when it runs, and its last line is written
 * when its counters are complete. */
extern const struct tunnel_hooks tunnel_snmplog_hooks;

#endif
