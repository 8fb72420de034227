/* derived.c - what people want to know of counters: shares and ratios. */
#include "derived.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "wire.h"

static double ratio(uint64_t part, uint64_t whole)
{
	return whole == 0 ? (double)NAN : (double)part / (double)whole;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

enum {
	ONE_WAY = 100, /* with so many times less payload than the other way's */
	UPKEEP = 1000, /* bytes for one of payload: nothing costs so much to carry */
};

/* Of a way that carried next to nothing the bytes are for something else: they acknowledge what went
 * the other way, or keep an idle session. */
static double overhead(uint64_t wire, uint64_t payload, uint64_t other_payload)
{
	if (payload < other_payload / ONE_WAY || wire / UPKEEP > payload)
		return (double)NAN;
	return ratio(wire, payload);
}

void derived_compute(struct derived *d, const struct counters *c)
{
	bool fec = c->fec_parity_shards > 0;
	uint64_t recovered = fec ? c->fec_recovered : 0;
	uint64_t tries = less(c->out_data_segs, c->out_copy_segs); /* one with its copies is one */

	d->overhead_out = overhead(c->out_bytes, c->payload_out_bytes, c->payload_in_bytes);
	d->overhead_in = overhead(c->in_bytes, c->payload_in_bytes, c->payload_out_bytes);
	d->retransmitted = ratio(c->retrans_segs, tries);
	d->loss_out = ratio(less(c->retrans_segs, c->spurious_segs), tries);
	d->recovered = fec ? ratio(recovered, less(c->in_pkts, c->fec_parity_shards) + recovered)
			   : (double)NAN;
	d->loss_in = fec ? ratio(recovered, c->in_pkts + recovered) : (double)NAN;
}

const struct derived_info derived_infos[] = {
	{ "overhead_out", "wire overhead out", "bytes sent on the wire per byte of payload",
	  offsetof(struct derived, overhead_out) },
	{ "overhead_in", "wire overhead in", "bytes received on the wire per byte of payload",
	  offsetof(struct derived, overhead_in) },
	{ "retransmitted", "retransmitted", "share of the data segments sent that were sent again",
	  offsetof(struct derived, retransmitted) },
	{ "fec_recovered", "FEC recovered", "share of the packets received that parity rebuilt",
	  offsetof(struct derived, recovered) },
	{ "loss_out", "loss out, estimate", "share of the data segments sent that were lost",
	  offsetof(struct derived, loss_out) },
	{ "loss_in", "loss in, at least", "share of the packets sent to us that were lost",
	  offsetof(struct derived, loss_in) },
};
const size_t derived_count = ARRAY_LEN(derived_infos);

double derived_get(const struct derived *d, size_t i)
{
	double value;

	memcpy(&value, (const char *)d + derived_infos[i].offset, sizeof(value));
	return value;
}
