/* fuzz_fec.c - foreign bytes as datagrams into a decoder, and as payloads through
 * an encoder and back. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fec.h"

enum { PAYLOAD_MAX = 1400 };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* The next chunk: one length byte, then so many bytes. */
static bool next_chunk(struct view *rest, struct view *chunk)
{
	if (rest->n == 0)
		return false;
	chunk->p = rest->p + 1;
	chunk->n = rest->p[0] < rest->n - 1 ? rest->p[0] : rest->n - 1;
	rest->p += 1 + chunk->n;
	rest->n -= 1 + chunk->n;
	return true;
}

static void touch(struct view v)
{
	volatile uint8_t sum = 0;

	for (size_t i = 0; i < v.n; i++)
		sum = (uint8_t)(sum ^ v.p[i]);
}

static void drain(struct fec_dec *d, int announced)
{
	struct view v;

	while (fec_dec_next(d, &v)) {
		assert(v.n > 0 && v.n <= PAYLOAD_MAX);
		touch(v);
		announced--;
	}
	assert(announced == 0);
}

static void decode(unsigned ds, unsigned ps, struct view rest)
{
	struct fec_dec *d = fec_dec_new(ds, ps, PAYLOAD_MAX);
	struct view pkt, payload;

	if (d == NULL)
		return;
	while (next_chunk(&rest, &pkt)) {
		int r;

		if (pkt.n == 0)
			fec_dec_trim(d);
		if (fec_classify(pkt, &payload) != FEC_BAD)
			touch(payload);
		r = fec_dec_input(d, pkt);
		drain(d, r > 0 ? r : 0);
		fec_dec_verify(d);
	}
	fec_dec_free(d);
}

/* An encoder, a decoder, and a batch between them. */
struct pipe {
	struct fec_enc *enc;
	struct fec_dec *dec;
	struct packet_pool pool;
	struct batch batch;
	unsigned ds, ps;
};

/* Pass on the set in the batch, but for `ps` packets in a row that begin at a place
 * that `skip` picks. */
static void deliver(struct pipe *pipe, unsigned skip)
{
	unsigned rebuilt = 0, lost = 0;

	for (size_t i = 0; i < pipe->batch.count; i++) {
		const struct packet *pkt = &pipe->batch.v[i];
		int r;

		if ((i + skip) % (pipe->ds + pipe->ps) < pipe->ps) {
			lost += i < pipe->ds && pkt->len > FEC_HEADER_DATA;
			continue;
		}
		r = fec_dec_input(pipe->dec, (struct view){ pkt->data, pkt->len });
		assert(r >= 0);
		rebuilt += (unsigned)r;
		drain(pipe->dec, r);
	}
	assert(rebuilt == lost);
	assert(fec_dec_stats(pipe->dec)->errors == 0);
	fec_dec_verify(pipe->dec);
}

/* Each set of payloads must arrive in full although `ps` of its packets are lost. */
static void round_trip(struct pipe *pipe, struct view rest)
{
	struct view chunk;
	uint64_t now_us = 0;

	while (next_chunk(&rest, &chunk)) {
		struct packet *pkt = batch_add(&pipe->batch);

		if (pkt == NULL)
			return;
		if (chunk.n > 0)
			memcpy(pkt->data, chunk.p, chunk.n);
		pkt->len = chunk.n;
		now_us += 1000;
		if (fec_enc_add(pipe->enc, now_us, &pipe->batch, pipe->batch.count - 1) > 0)
			deliver(pipe, chunk.n > 0 ? chunk.p[0] : 0);
		else if (chunk.n % 2 == 1)
			fec_enc_settle(pipe->enc);
		if (pipe->batch.count >= pipe->ds) {
			fec_enc_settle(pipe->enc);
			batch_clear(&pipe->batch);
		}
	}
}

static void encode(unsigned ds, unsigned ps, struct view rest)
{
	struct pipe *pipe = calloc(1, sizeof(*pipe));

	if (pipe == NULL)
		return;
	pipe->ds = ds;
	pipe->ps = ps;
	pipe->enc = fec_enc_new(ds, ps, PAYLOAD_MAX);
	pipe->dec = fec_dec_new(ds, ps, PAYLOAD_MAX);
	packet_pool_init(&pipe->pool);
	batch_init(&pipe->batch, &pipe->pool);
	if (pipe->enc != NULL && pipe->dec != NULL)
		round_trip(pipe, rest);
	batch_clear(&pipe->batch);
	packet_pool_dispose(&pipe->pool);
	fec_enc_free(pipe->enc);
	fec_dec_free(pipe->dec);
	free(pipe);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n < 2)
		return 0;
	decode(p[0], p[1], (struct view){ p + 2, n - 2 });
	encode(p[0], p[1], (struct view){ p + 2, n - 2 });
	return 0;
}
