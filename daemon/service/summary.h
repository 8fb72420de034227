/* summary.h - the daemon in one line, as `systemctl status` shows it. */
#ifndef KT_SUMMARY_H
#define KT_SUMMARY_H

#include <stddef.h>
#include <stdint.h>

struct summary {
	size_t tunnels, sessions, streams;
	uint64_t out_rate, in_rate;      /* payload bytes per second */
	uint32_t rtt_min_us, rtt_max_us; /* over all sessions; 0: none measured */
	size_t failed;                   /* of the tunnels */
	const char *failed_names; /* at most SUMMARY_NAMES_BYTES with its end, if any has failed */
};

enum { SUMMARY_NAMES_BYTES = 128, SUMMARY_BYTES = 352 }; /* always enough */

/* "2 tunnels, 1 failed (home), 3 sessions, 17 streams, 1.2 MB/s out, 340 kB/s in, rtt 41 ms"; what
 * there is none of is left out. */
void summary_text(const struct summary *s, char text[static SUMMARY_BYTES]);

#endif
