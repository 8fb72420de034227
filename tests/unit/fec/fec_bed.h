/* fec_bed.h - a sender whose packets can be lost. */
#ifndef FEC_BED_H
#define FEC_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "err.h"
#include "fec.h"
#include "vectors.h"

enum { PAYLOAD_MAX = 1400 };

/* ---- a sender whose packets can be lost ---- */

struct wire_packet {
	uint8_t bytes[1500];
	size_t len;
};

struct sender {
	struct fec_enc *enc;
	struct packet_pool pool;
	struct batch batch;
	unsigned ds, ps;
	uint64_t now_us;
	uint64_t rng;
	struct wire_packet set[FEC_SHARDS_MAX]; /* the set made last */
};

static inline uint32_t draw(uint64_t *rng)
{
	*rng ^= *rng << 13;
	*rng ^= *rng >> 7;
	*rng ^= *rng << 17;
	return (uint32_t)(*rng >> 32);
}

static inline bool chance(uint64_t *rng, unsigned percent)
{
	return draw(rng) % 100 < percent;
}

static inline struct sender *sender_new(unsigned ds, unsigned ps, uint32_t seqid)
{
	struct sender *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->ds = ds;
	s->ps = ps;
	s->rng = 88172645463325252u + ds * 1000u + ps;
	s->enc = fec_enc_new(ds, ps, PAYLOAD_MAX);
	assert_non_null(s->enc);
	fec_enc_set_seqid(s->enc, seqid);
	packet_pool_init(&s->pool);
	batch_init(&s->batch, &s->pool);
	return s;
}

static inline void sender_free(struct sender *s)
{
	batch_clear(&s->batch);
	packet_pool_dispose(&s->pool);
	fec_enc_free(s->enc);
	free(s);
}

static inline void sender_put(struct sender *s, size_t len)
{
	struct packet *pkt = batch_add(&s->batch);

	assert_non_null(pkt);
	for (size_t i = 0; i < len; i++)
		pkt->data[i] = (uint8_t)draw(&s->rng);
	pkt->len = len;
}

/* What was made is the set. */
static inline void sender_keep_set(struct sender *s)
{
	for (size_t i = 0; i < FEC_SHARDS_MAX; i++)
		s->set[i].len = 0;
	for (size_t i = 0; i < s->batch.count; i++) {
		memcpy(s->set[i].bytes, s->batch.v[i].data, s->batch.v[i].len);
		s->set[i].len = s->batch.v[i].len;
	}
	fec_enc_settle(s->enc);
	batch_clear(&s->batch);
}

/* Make one set of packets with payloads of 1 .. len_max bytes. */
static inline void sender_set(struct sender *s, size_t len_max)
{
	size_t made = 0;

	/* The first packet of all has none before it, so with ds == 1 no parity: see vectors. */
	for (unsigned i = 0; i < s->ds; i++) {
		sender_put(s, 1 + draw(&s->rng) % len_max);
		s->now_us += 1000;
		made = fec_enc_add(s->enc, s->now_us, &s->batch, s->batch.count - 1);
		assert_int_equal(made, i + 1 == s->ds && s->now_us > 1000 ? s->ps : 0);
		if (chance(&s->rng, 10))
			fec_enc_settle(s->enc);
	}
	sender_keep_set(s);
}

static inline struct view packet_view(const struct wire_packet *p)
{
	return (struct view){ p->bytes, p->len };
}

static inline struct view payload_view(const struct wire_packet *p)
{
	return (struct view){ p->bytes + FEC_HEADER_DATA, p->len - FEC_HEADER_DATA };
}

static inline int receive(struct fec_dec *d, const struct wire_packet *p)
{
	int n = fec_dec_input(d, packet_view(p));

	fec_dec_verify(d);
	return n;
}

/* A packet of no set: header and `len` bytes of shard. */
static inline struct wire_packet loose(uint32_t seqid, unsigned type, size_t size, size_t len)
{
	struct wire_packet p = { .len = FEC_HEADER + len };

	store_le32(p.bytes, seqid);
	store_le16(p.bytes + 4, (uint16_t)type);
	store_le16(p.bytes + 6, (uint16_t)size);
	return p;
}

static inline void assert_params(const struct fec_dec *d, unsigned ds, unsigned ps)
{
	unsigned got_ds, got_ps;

	fec_dec_params(d, &got_ds, &got_ps);
	assert_int_equal(got_ds, ds);
	assert_int_equal(got_ps, ps);
}

static inline void assert_bytes(struct view v, const uint8_t *p, size_t n)
{
	assert_int_equal(v.n, n);
	assert_memory_equal(v.p, p, n);
}

/* Which data shards of the sender's set does the receiver now have: directly or rebuilt? */
struct outcome {
	bool got[FEC_SHARDS_MAX];
	unsigned rebuilt;
};

static inline void note_rebuilt(struct fec_dec *d, const struct sender *s, int announced,
				struct outcome *o)
{
	unsigned last = 0;
	struct view v;
	int n = 0;

	while (fec_dec_next(d, &v)) {
		unsigned i = last;

		while (i < s->ds && (s->set[i].len != v.n + FEC_HEADER_DATA ||
				     memcmp(payload_view(&s->set[i]).p, v.p, v.n) != 0))
			i++;
		assert_true(i < s->ds); /* one of the set, and in order */
		assert_false(o->got[i]);
		o->got[i] = true;
		last = i + 1;
		n++;
	}
	assert_int_equal(n, announced);
	o->rebuilt += (unsigned)n;
}

static inline void shuffle(uint64_t *rng, uint8_t *v, unsigned n)
{
	for (unsigned i = n; i > 1; i--) {
		unsigned j = draw(rng) % i;
		uint8_t x = v[i - 1];

		v[i - 1] = v[j];
		v[j] = x;
	}
}

/* The packets of the sender's set in random order, `lost` of them missing. */
static inline struct outcome deliver_set(struct fec_dec *d, struct sender *s, unsigned lost)
{
	struct outcome o = { .rebuilt = 0 };
	uint8_t order[FEC_SHARDS_MAX];
	unsigned n = s->ds + s->ps;

	for (unsigned i = 0; i < n; i++)
		order[i] = (uint8_t)i;
	shuffle(&s->rng, order, n);
	for (unsigned i = lost; i < n; i++) {
		const struct wire_packet *p = &s->set[order[i]];
		int r;

		if (p->len == 0)
			continue;
		r = receive(d, p);
		assert_true(r >= 0);
		/* Once enough was there, the rest is not needed: the order says which is new. */
		if (order[i] < s->ds && !o.got[order[i]])
			o.got[order[i]] = true;
		note_rebuilt(d, s, r, &o);
	}
	return o;
}

static inline void assert_all_got(const struct sender *s, const struct outcome *o)
{
	for (unsigned i = 0; i < s->ds; i++)
		assert_true(o->got[i]);
}

static const unsigned shapes[][2] = {
	{ 10, 3 }, { 1, 1 },  { 1, 254 }, { 254, 1 }, { 128, 127 }, { 127, 128 }, { 70, 30 },
	{ 3, 10 }, { 20, 1 }, { 2, 253 }, { 253, 2 }, { 2, 1 },     { 20, 10 },   { 7, 7 },
};

#endif
