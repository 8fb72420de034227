/* counts.h - what the relay tells, as a line of JSON. */
#ifndef LINKRELAY_COUNTS_H
#define LINKRELAY_COUNTS_H

#include <stdio.h>

#include "clients.h"
#include "way.h"

struct counts {
	double seconds;           /* since the first datagram */
	const struct way *way[2]; /* up, down */
	uint64_t overrun[2];      /* datagrams that the kernel dropped before the relay saw them */
	uint32_t clients;
};

/* Of each direction:
 *
 *   rate_mbit, loss, delay_ms   the link's, in the mean so far; loss is a share, 0 to 1
 *   offered       = lost + queue_dropped + policed + outage_dropped + passed
 *   passed        + duplicated = delivered + unsent + under_way
 *   refused       not offered, being too long, or too many
 *   overrun       not even seen: the relay, or the machine, is too slow
 *   late_us, late_max_us   how long after its time a datagram was delivered
 *
 * Those with "packets" and "bytes" count bytes as on a wire, IPv4 and UDP headers included. */
void counts_print(const struct counts *c, FILE *out);

#endif
