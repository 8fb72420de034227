/* fec_pair.c - the FEC of one session: what it sends, what it hears, and how the two fit. */
#include "fec_pair.h"

#include <assert.h>
#include <string.h>

static const uint8_t MARK[4] = { 'k', 'c', 't', 'd' };

bool fec_pair_init(struct fec_pair *p, bool client, unsigned ds, unsigned ps, size_t payload_max)
{
	memset(p, 0, sizeof(*p));
	p->state = !client ? FEC_PAIR_PLAIN : ds > 0 && ps > 0 ? FEC_PAIR_HELD : FEC_PAIR_NONE;
	p->ds = ds;
	p->ps = ps;
	p->payload_max = payload_max;
	if (p->state != FEC_PAIR_HELD)
		return true;
	p->enc = fec_enc_new(ds, ps, payload_max);
	if (p->enc == NULL)
		return false;
	fec_enc_hold(p->enc);
	return true;
}

void fec_pair_dispose(struct fec_pair *p)
{
	fec_enc_free(p->enc);
	fec_dec_free(p->dec);
	memset(p, 0, sizeof(*p));
}

/* ---- what to send ------------------------------------------------------------------ */

/* Go over to the peer's numbers; the shards go on from where they were, at the next place where
 * a set can begin.  False when out of memory. */
static bool use_numbers(struct fec_pair *p, unsigned ds, unsigned ps)
{
	struct fec_enc *enc = fec_enc_new(ds, ps, p->payload_max);

	if (enc == NULL)
		return false;
	if (p->enc != NULL)
		fec_enc_continue(enc, p->enc);
	fec_enc_free(p->enc);
	p->enc = enc;
	p->ds = ds;
	p->ps = ps;
	return true;
}

/* Send parity in the numbers that the peer's shards have proven. */
static bool follow(struct fec_pair *p)
{
	unsigned ds, ps;

	fec_dec_params(p->dec, &ds, &ps);
	if (p->enc == NULL || ds != p->ds || ps != p->ps)
		return use_numbers(p, ds, ps);
	fec_enc_release(p->enc);
	return true;
}

/* What is learnt of the peer. */
enum event {
	HEARD_SHARD, /* it sends FEC, in numbers not proven yet */
	HEARD_PROOF, /* it sends FEC, in the numbers that the decoder has */
	HEARD_MARK,  /* it is a server that will follow us */
};

/* The state that `event` leads to.  A step that memory is short for is tried again with the next. */
static enum fec_pair_state after(struct fec_pair *p, enum event event)
{
	switch (p->state) {
	case FEC_PAIR_NONE:
		return FEC_PAIR_NONE;
	case FEC_PAIR_PLAIN:
	case FEC_PAIR_MARKED:
		return event == HEARD_PROOF && follow(p) ? FEC_PAIR_PARITY : FEC_PAIR_MARKED;
	case FEC_PAIR_HELD:
		if (event == HEARD_PROOF)
			return follow(p) ? FEC_PAIR_PARITY : FEC_PAIR_HELD;
		if (event == HEARD_SHARD)
			return FEC_PAIR_HELD;
		fec_enc_release(p->enc);
		return FEC_PAIR_PARITY;
	case FEC_PAIR_PARITY:
		break;
	}
	return FEC_PAIR_PARITY;
}

void fec_pair_input_rest(struct fec_pair *p, struct view rest)
{
	if (p->state != FEC_PAIR_HELD || rest.n != sizeof(MARK))
		return;
	if (memcmp(rest.p, MARK, sizeof(MARK)) == 0)
		p->state = after(p, HEARD_MARK);
}

static void add_mark(struct fec_pair *p, struct packet *pkt)
{
	assert(pkt->len + sizeof(MARK) <= p->payload_max + FEC_PAIR_OVERHEAD);
	memcpy(pkt->data + pkt->len, MARK, sizeof(MARK));
	pkt->len += sizeof(MARK);
}

size_t fec_pair_grows(const struct fec_pair *p)
{
	if (p->enc != NULL)
		return FEC_HEADER_DATA;
	return p->state == FEC_PAIR_MARKED ? sizeof(MARK) : 0;
}

size_t fec_pair_parity_max(const struct fec_pair *p)
{
	return p->enc != NULL ? p->ps : 0;
}

void fec_pair_bare(struct fec_pair *p, bool on)
{
	if (p->enc != NULL)
		fec_enc_bare(p->enc, on);
}

void fec_pair_add(struct fec_pair *p, uint64_t now_us, struct batch *b, size_t index)
{
	if (p->enc != NULL)
		fec_enc_add(p->enc, now_us, b, index);
	else if (p->state == FEC_PAIR_MARKED)
		add_mark(p, &b->v[index]);
}

void fec_pair_settle(struct fec_pair *p)
{
	if (p->enc != NULL)
		fec_enc_settle(p->enc);
}

void fec_pair_sending(const struct fec_pair *p, unsigned *ds, unsigned *ps)
{
	bool sending = p->state == FEC_PAIR_PARITY;

	*ds = sending ? p->ds : 0;
	*ps = sending ? p->ps : 0;
}

/* ---- what is heard ------------------------------------------------------------------- */

/* A peer may send parity though we send none, so the decoder comes with the
 * first shard.  Our own numbers are only its first guess. */
static bool have_decoder(struct fec_pair *p)
{
	if (p->dec != NULL)
		return true;
	p->dec = fec_dec_new(p->ds, p->ps, PACKET_MTU_MAX);
	if (p->dec == NULL)
		return false;
	fec_dec_doubt(p->dec);
	return true;
}

int fec_pair_input(struct fec_pair *p, struct view pkt)
{
	int rebuilt;

	if (!have_decoder(p))
		return 0; /* out of memory: plain data still flows */
	rebuilt = fec_dec_input(p->dec, pkt);
	p->state = after(p, fec_dec_proven(p->dec) ? HEARD_PROOF : HEARD_SHARD);
	return rebuilt;
}

bool fec_pair_next(struct fec_pair *p, struct view *payload)
{
	return p->dec != NULL && fec_dec_next(p->dec, payload);
}

/* ---- memory --------------------------------------------------------------------------- */

void fec_pair_trim(struct fec_pair *p)
{
	if (p->enc != NULL)
		fec_enc_trim(p->enc);
	if (p->dec != NULL)
		fec_dec_trim(p->dec);
}

size_t fec_pair_memory(const struct fec_pair *p)
{
	return (p->enc != NULL ? fec_enc_memory(p->enc) : 0) +
	       (p->dec != NULL ? fec_dec_memory(p->dec) : 0);
}
