/* fec_pair.c - the FEC of one session: what it sends, what it hears, and how the two fit. */
#include "fec_pair.h"

#include <assert.h>
#include <string.h>

static const uint8_t MARK[4] = { 'k', 'c', 't', 'd' };

bool fec_pair_init(struct fec_pair *p, bool client, unsigned ds, unsigned ps, size_t payload_max)
{
	memset(p, 0, sizeof(*p));
	p->client = client;
	p->ds = ds;
	p->ps = ps;
	p->payload_max = payload_max;
	if (!client || ds == 0 || ps == 0)
		return true;
	p->enc = fec_enc_new(ds, ps, payload_max);
	if (p->enc == NULL)
		return false;
	fec_enc_hold(p->enc, true);
	return true;
}

void fec_pair_dispose(struct fec_pair *p)
{
	fec_enc_free(p->enc);
	fec_dec_free(p->dec);
	memset(p, 0, sizeof(*p));
}

/* ---- what to send ------------------------------------------------------------------ */

/* Go over to these numbers; the shards go on from where they were, at the next
 * place where a set can begin. */
static void use_numbers(struct fec_pair *p, unsigned ds, unsigned ps)
{
	struct fec_enc *enc = fec_enc_new(ds, ps, p->payload_max);

	if (enc == NULL)
		return; /* out of memory: tried again with the next shard */
	if (p->enc != NULL)
		fec_enc_continue(enc, p->enc);
	fec_enc_free(p->enc);
	p->enc = enc;
	p->ds = ds;
	p->ps = ps;
	p->settled = true;
	p->mark = false;
}

/* The sender's numbers are known beyond doubt. */
static void follow(struct fec_pair *p)
{
	unsigned ds, ps;

	if (p->client && p->enc == NULL) {
		p->settled = true; /* on sending nothing */
		return;
	}
	fec_dec_params(p->dec, &ds, &ps);
	if (p->enc != NULL && ds == p->ds && ps == p->ps) {
		fec_enc_hold(p->enc, false);
		p->settled = true;
	} else {
		use_numbers(p, ds, ps);
	}
}

bool fec_pair_wants_rest(const struct fec_pair *p)
{
	return p->client && p->enc != NULL && !p->settled;
}

void fec_pair_input_rest(struct fec_pair *p, struct view rest)
{
	if (!fec_pair_wants_rest(p))
		return;
	if (rest.n != sizeof(MARK) || memcmp(rest.p, MARK, sizeof(MARK)) != 0)
		return;
	fec_enc_hold(p->enc, false);
	p->settled = true;
}

static void add_mark(struct fec_pair *p, struct packet *pkt)
{
	assert(pkt->len + sizeof(MARK) <= p->payload_max + FEC_PAIR_OVERHEAD);
	memcpy(pkt->data + pkt->len, MARK, sizeof(MARK));
	pkt->len += sizeof(MARK);
}

size_t fec_pair_parity_max(const struct fec_pair *p)
{
	return p->enc != NULL ? p->ps : 0;
}

void fec_pair_add(struct fec_pair *p, uint64_t now_us, struct batch *b, size_t index)
{
	if (p->enc != NULL)
		fec_enc_add(p->enc, now_us, b, index);
	else if (p->mark)
		add_mark(p, &b->v[index]);
}

void fec_pair_settle(struct fec_pair *p)
{
	if (p->enc != NULL)
		fec_enc_settle(p->enc);
}

void fec_pair_sending(const struct fec_pair *p, unsigned *ds, unsigned *ps)
{
	bool sending = p->enc != NULL && p->settled;

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
	if (!p->settled && fec_dec_proven(p->dec))
		follow(p);
	p->mark = !p->client && !p->settled;
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
