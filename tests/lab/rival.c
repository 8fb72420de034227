/* rival.c - a competing flow: its sender and its receiver. */
#include "rival.h"

#include <assert.h>
#include <stdlib.h>

#include "rival_impl.h"

enum {
	RING = 1 << 17,
	REORDERING = 3,
	REORDERING_MAX = 300,
	RTO_MIN_US = 200 * 1000,
	RTO_FIRST_US = 1000 * 1000,
	BACKOFF_MAX = 6,
	ACK_EVERY = 2,
	ACK_DELAY_US = 40 * 1000,
	PACE_BEHIND_US = 1000, /* what the pacer may make up for */
	TAG_ACK_BIT = 62,
};
#define TAG_ACK (UINT64_C(1) << TAG_ACK_BIT)

enum sent_state { SENT_UNHEARD, SENT_ACKED, SENT_LOST };

/* One transmission, and what was known when it left. */
struct sent {
	uint64_t sent_us, first_sent_us;
	uint64_t delivered, delivered_us;
	enum sent_state state;
};

static struct sent *sent_at(struct rival *r, uint64_t pn)
{
	return &r->sent[pn % RING];
}

/* ---- the sender ----------------------------------------------------------------------------- */

static uint64_t rto_us(const struct rival *r)
{
	uint64_t rto = r->srtt_us > 0 ? r->srtt_us + 4 * r->rttvar_us : RTO_FIRST_US;

	rto = rto > RTO_MIN_US ? rto : RTO_MIN_US;
	return rto << r->backoff;
}

static void send_one(struct rival *r, uint64_t now_us)
{
	if (r->inflight == 0) {
		r->first_sent_us = r->delivered_us = now_us;
		r->rto_at_us = now_us + rto_us(r);
	}
	*sent_at(r, r->next_pn) = (struct sent){
		now_us, r->first_sent_us, r->delivered, r->delivered_us, SENT_UNHEARD,
	};
	link_send(r->world->link[r->way], now_us,
		  &(struct link_packet){ .owner = r->owner,
					 .tag = r->next_pn,
					 .wire = RIVAL_WIRE_BYTES });
	r->next_pn++;
	r->inflight++;
	assert(r->inflight < RING / 2);
}

static bool may_send(const struct rival *r)
{
	return (double)r->inflight + 1 <= r->cwnd;
}

static void send_all(struct rival *r, uint64_t now_us)
{
	double now = (double)now_us;

	if (r->pacing > 0 && r->next_send_us < now - PACE_BEHIND_US)
		r->next_send_us = now;
	while (may_send(r) && (r->pacing <= 0 || r->next_send_us <= now)) {
		send_one(r, now_us);
		if (r->pacing > 0)
			r->next_send_us += 1e6 / r->pacing;
	}
}

static void rtt_sample(struct rival *r, uint64_t rtt)
{
	uint64_t delta = rtt > r->srtt_us ? rtt - r->srtt_us : r->srtt_us - rtt;

	if (r->srtt_us == 0) {
		r->srtt_us = r->min_rtt_us = rtt;
		r->rttvar_us = rtt / 2;
		return;
	}
	r->rttvar_us = (3 * r->rttvar_us + delta) / 4;
	r->srtt_us = (7 * r->srtt_us + rtt) / 8;
	r->min_rtt_us = rtt < r->min_rtt_us ? rtt : r->min_rtt_us;
}

static void rate_sample(struct rival *r, const struct sent *s, struct rival_ack *a)
{
	uint64_t ack_us = a->now_us - s->delivered_us, send_us = s->sent_us - s->first_sent_us;
	uint64_t us = ack_us > send_us ? ack_us : send_us;

	if (us > 0)
		a->rate = (double)(r->delivered - s->delivered) * 1e6 / (double)us;
}

/* One entry of the receiver's log. */
static void note_arrival(struct rival *r, uint64_t pn, struct rival_ack *a)
{
	struct sent *s = sent_at(r, pn);

	if (s->state == SENT_LOST) {
		uint64_t late = r->largest_acked - pn + 1;

		r->reordering = late > r->reordering ? late : r->reordering;
		r->reordering = r->reordering < REORDERING_MAX ? r->reordering : REORDERING_MAX;
	} else if (s->state == SENT_UNHEARD) {
		r->inflight--;
	}
	if (s->state != SENT_ACKED) {
		r->delivered++;
		a->acked++;
	}
	s->state = SENT_ACKED;
	if (pn > r->largest_acked)
		r->largest_acked = pn;
}

static void find_lost(struct rival *r, struct rival_ack *a)
{
	for (; r->scanned + r->reordering <= r->largest_acked; r->scanned++) {
		struct sent *s = sent_at(r, r->scanned);

		if (s->state != SENT_UNHEARD)
			continue;
		s->state = SENT_LOST;
		r->inflight--;
		a->lost++;
		a->new_loss |= r->scanned >= r->recovery_pn;
	}
}

static void note_newest(struct rival *r, uint64_t pn, struct rival_ack *a)
{
	const struct sent *s = sent_at(r, pn);

	a->rtt_us = a->now_us - s->sent_us;
	rtt_sample(r, a->rtt_us);
	rate_sample(r, s, a);
	if (pn >= r->round_pn) {
		a->round_start = true;
		r->round_pn = r->next_pn;
	}
	r->first_sent_us = s->sent_us;
	r->delivered_us = a->now_us;
}

static void on_ack(struct rival *r, uint64_t now_us, uint64_t told)
{
	struct rival_ack a = { .now_us = now_us };

	if (told <= r->heard)
		return;
	for (uint64_t i = r->heard; i < told; i++)
		note_arrival(r, r->log[i], &a);
	r->heard = told;
	note_newest(r, r->log[told - 1], &a);
	find_lost(r, &a);
	if (a.new_loss)
		r->recovery_pn = r->next_pn;
	a.recovering = r->largest_acked < r->recovery_pn;
	a.inflight = r->inflight;
	r->backoff = 0;
	r->rto_at_us = now_us + rto_us(r);
	r->cc->on_ack(r, &a);
	send_all(r, now_us);
}

static void on_timeout(struct rival *r, uint64_t now_us)
{
	for (uint64_t pn = r->scanned; pn < r->next_pn; pn++)
		if (sent_at(r, pn)->state == SENT_UNHEARD)
			sent_at(r, pn)->state = SENT_LOST;
	r->scanned = r->recovery_pn = r->next_pn;
	r->inflight = 0;
	r->backoff += r->backoff < BACKOFF_MAX;
	r->cc->on_timeout(r);
	r->next_send_us = (double)now_us;
	send_all(r, now_us);
}

/* ---- the receiver ------------------------------------------------------------------------------ */

static void send_ack(struct rival *r, uint64_t now_us)
{
	link_send(r->world->link[!r->way], now_us,
		  &(struct link_packet){ .owner = r->owner,
					 .tag = r->arrived | TAG_ACK,
					 .wire = RIVAL_ACK_BYTES });
	r->told = r->arrived;
	r->ack_due_us = UINT64_MAX;
}

static void on_data(struct rival *r, uint64_t now_us, uint64_t pn)
{
	if (r->arrived == r->log_cap) {
		r->log_cap = 2 * r->log_cap + 4096;
		r->log = realloc(r->log, (size_t)r->log_cap * sizeof(*r->log));
		assert(r->log != NULL);
	}
	r->log[r->arrived++] = pn;
	if (r->arrived - r->told >= ACK_EVERY)
		send_ack(r, now_us);
	else
		r->ack_due_us = now_us + ACK_DELAY_US;
}

/* ---- the party --------------------------------------------------------------------------------- */

static void arrive(void *self, uint64_t now_us, unsigned way, struct link_packet *pkt)
{
	struct rival *r = self;

	if (pkt->tag & TAG_ACK)
		on_ack(r, now_us, pkt->tag & ~TAG_ACK);
	else
		on_data(r, now_us, pkt->tag);
}

static uint64_t deadline(const void *self)
{
	const struct rival *r = self;
	uint64_t at = r->ack_due_us;

	if (r->next_pn == 0)
		return r->from_us;
	if (r->inflight > 0 && r->rto_at_us < at)
		at = r->rto_at_us;
	if (r->pacing > 0 && may_send(r) && r->next_send_us < (double)at)
		at = (uint64_t)r->next_send_us + 1;
	return at;
}

static void run(void *self, uint64_t now_us)
{
	struct rival *r = self;

	if (r->ack_due_us <= now_us)
		send_ack(r, now_us);
	if (r->inflight > 0 && r->rto_at_us <= now_us)
		on_timeout(r, now_us);
	send_all(r, now_us);
}

struct rival *rival_new(struct world *w, enum rival_kind kind, unsigned way, uint64_t from_us,
			uint64_t seed)
{
	struct rival *r = calloc(1, sizeof(*r));

	assert(r != NULL);
	r->world = w;
	r->way = way;
	r->from_us = from_us;
	r->rng.s = seed;
	r->cc = kind == RIVAL_BBR ? &rival_bbr : &rival_cubic;
	r->sent = calloc(RING, sizeof(*r->sent));
	assert(r->sent != NULL);
	r->reordering = REORDERING;
	r->cwnd = 10;
	r->ack_due_us = UINT64_MAX;
	r->cc->init(r);
	r->owner = world_join(w, &(struct party){ r, deadline, run, arrive });
	return r;
}

void rival_free(struct rival *r)
{
	free(r->sent);
	free(r->log);
	free(r);
}

uint64_t rival_bytes(const struct rival *r)
{
	return r->arrived * RIVAL_PAYLOAD_BYTES;
}
