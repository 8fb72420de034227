/* enc.c - makes data shards of packets, and parity of full sets.
 *
 * Shards stay where they are, in the batch, for as long as it lives: a set that
 * begins and ends within one flush is never copied.  What is left over when the
 * batch goes away moves to the store:
 *
 *     0          settled          count            ds
 *     | in store | in the batch   | still to come  | */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "fec.h"
#include "fec_rs.h"
#include "gf256.h"

/* What becomes of the parity of the open set. */
enum parity {
	PARITY_DUE, /* sent when the set is complete */
	PARITY_LOST, /* shards were not kept for want of memory: none for this set, the next is due */
	PARITY_HELD, /* none for this set nor the next ones, and no shards are kept */
};

struct shard {
	uint8_t *borrowed; /* in the batch, until settled */
	size_t len;        /* of size|payload */
};

struct fec_enc {
	unsigned ds, ps;
	size_t payload_max;
	size_t stride; /* bytes of one shard in the store */
	uint32_t paws;
	uint32_t seqid;   /* of the next shard */
	uint64_t last_us; /* when the newest data shard was made */
	bool any;         /* last_us is set */
	bool bare;        /* sets that are completed get no parity */
	enum parity parity;
	unsigned count;   /* data shards in the open set */
	unsigned settled; /* of them, those that are in the store, or were not kept */
	size_t longest;   /* shard of the open set */
	uint8_t *store;
	unsigned store_shards;
	uint8_t *table;        /* ds * ps of GF256_TABLE */
	struct shard shards[]; /* ds */
};

static size_t table_size(unsigned ds, unsigned ps)
{
	return (size_t)ds * ps * GF256_TABLE;
}

static uint8_t *make_table(unsigned ds, unsigned ps)
{
	uint8_t *rows = malloc((size_t)ds * ps);
	uint8_t *table = malloc(table_size(ds, ps));

	if (rows != NULL && table != NULL && fec_matrix(ds, ps, rows) == KT_OK) {
		gf256_prepare(ds, ps, rows, table);
	} else {
		free(table);
		table = NULL;
	}
	free(rows);
	return table;
}

/* The longest parity packet must fit a packet buffer. */
static bool payload_fits(size_t payload_max)
{
	return payload_max <= PACKET_CAP - PACKET_HEADROOM - FEC_HEADER_DATA;
}

struct fec_enc *fec_enc_new(unsigned ds, unsigned ps, size_t payload_max)
{
	struct fec_enc *e;

	if (!rs_valid(ds, ps) || !payload_fits(payload_max))
		return NULL;
	e = calloc(1, sizeof(*e) + ds * sizeof(e->shards[0]));
	if (e == NULL)
		return NULL;
	e->table = make_table(ds, ps);
	if (e->table == NULL) {
		free(e);
		return NULL;
	}
	e->ds = ds;
	e->ps = ps;
	e->payload_max = payload_max;
	e->stride = rs_columns(payload_max + 2);
	e->paws = rs_paws(ds + ps);
	return e;
}

void fec_enc_free(struct fec_enc *e)
{
	if (e == NULL)
		return;
	free(e->store);
	free(e->table);
	free(e);
}

void fec_enc_set_seqid(struct fec_enc *e, uint32_t seqid)
{
	assert(e->count == 0);
	assert(seqid < e->paws && seqid % (e->ds + e->ps) == 0);
	e->seqid = seqid;
}

void fec_enc_continue(struct fec_enc *e, const struct fec_enc *from)
{
	uint32_t n = e->ds + e->ps;
	uint32_t set = from->seqid / n + (from->seqid % n != 0);

	assert(e->count == 0);
	e->seqid = set < e->paws / n ? set * n : 0;
}

void fec_enc_hold(struct fec_enc *e)
{
	assert(e->count == 0);
	e->parity = PARITY_HELD;
}

void fec_enc_release(struct fec_enc *e)
{
	if (e->parity == PARITY_HELD)
		e->parity = e->settled > 0 ? PARITY_LOST : PARITY_DUE;
}

static void advance(struct fec_enc *e, unsigned n)
{
	e->seqid += n;
	assert(e->seqid <= e->paws); /* a set never straddles paws */
	if (e->seqid == e->paws)
		e->seqid = 0;
}

static void put_header(uint8_t *p, uint32_t seqid, uint16_t type)
{
	store_le32(p, seqid);
	store_le16(p + 4, type);
}

/* May the shard be padded where it lies? */
static bool has_tailroom(const struct fec_enc *e, const struct packet *pkt)
{
	const uint8_t *shard = pkt->data + FEC_HEADER;

	return pkt->mem != NULL && (size_t)(pkt->mem + PACKET_CAP - shard) >= e->stride;
}

static void add_shard(struct fec_enc *e, struct packet *pkt)
{
	size_t len = pkt->len + 2;

	assert(pkt->len <= e->payload_max);
	assert(pkt->mem == NULL || pkt->data - pkt->mem >= FEC_HEADER_DATA);
	pkt->data -= FEC_HEADER_DATA;
	pkt->len += FEC_HEADER_DATA;
	put_header(pkt->data, e->seqid, FEC_TYPE_DATA);
	store_le16(pkt->data + FEC_HEADER, (uint16_t)len);
	advance(e, 1);
	e->shards[e->count++] = (struct shard){ pkt->data + FEC_HEADER, len };
	if (len > e->longest)
		e->longest = len;
	if (!has_tailroom(e, pkt))
		fec_enc_settle(e);
}

/* Shard i, padded with zeros to `columns`. */
static uint8_t *padded(const struct fec_enc *e, unsigned i, size_t columns)
{
	const struct shard *s = &e->shards[i];
	uint8_t *p = i < e->settled ? e->store + i * e->stride : s->borrowed;

	memset(p + s->len, 0, columns - s->len);
	return p;
}

static bool add_parity_packets(const struct fec_enc *e, struct batch *b, const void *path,
			       uint8_t **parity)
{
	for (unsigned i = 0; i < e->ps; i++) {
		struct packet *pkt = batch_add(b);

		if (pkt == NULL) {
			while (i-- > 0)
				batch_undo(b);
			return false;
		}
		put_header(pkt->data, e->seqid + i, FEC_TYPE_PARITY);
		pkt->len = FEC_HEADER + e->longest;
		pkt->path = path;
		parity[i] = pkt->data + FEC_HEADER;
	}
	return true;
}

static size_t emit_parity(struct fec_enc *e, struct batch *b, const void *path)
{
	uint8_t *data[FEC_SHARDS_MAX], *parity[FEC_SHARDS_MAX];
	size_t columns = rs_columns(e->longest);

	if (e->parity != PARITY_DUE || !add_parity_packets(e, b, path, parity))
		return 0;
	for (unsigned i = 0; i < e->ds; i++)
		data[i] = padded(e, i, columns);
	gf256_multiply(columns, e->ds, e->ps, e->table, data, parity);
	return e->ps;
}

static void close_set(struct fec_enc *e)
{
	advance(e, e->ps);
	e->count = 0;
	e->settled = 0;
	e->longest = 0;
	if (e->parity == PARITY_LOST)
		e->parity = PARITY_DUE;
}

void fec_enc_bare(struct fec_enc *e, bool on)
{
	e->bare = on;
}

size_t fec_enc_add(struct fec_enc *e, uint64_t now_us, struct batch *b, size_t index)
{
	bool brisk = e->any && now_us - e->last_us < FEC_GAP_MS * UINT64_C(1000);
	size_t appended = 0;

	assert(index < b->count);
	add_shard(e, &b->v[index]);
	e->last_us = now_us;
	e->any = true;
	if (e->count == e->ds) {
		if (brisk && !e->bare)
			appended = emit_parity(e, b, b->v[index].path);
		close_set(e);
	}
	return appended;
}

/* Room in the store for the shards of the open set. */
static bool grow_store(struct fec_enc *e)
{
	unsigned want = e->store_shards == 0 ? 4 : 2 * e->store_shards;
	uint8_t *p;

	if (e->count <= e->store_shards)
		return true;
	if (want < e->count)
		want = e->count;
	if (want > e->ds)
		want = e->ds;
	p = realloc(e->store, want * e->stride);
	if (p == NULL)
		return false;
	e->store = p;
	e->store_shards = want;
	return true;
}

void fec_enc_settle(struct fec_enc *e)
{
	if (e->settled == e->count)
		return;
	if (e->parity == PARITY_DUE && !grow_store(e))
		e->parity = PARITY_LOST;
	for (; e->settled < e->count; e->settled++) {
		const struct shard *s = &e->shards[e->settled];

		if (e->parity == PARITY_DUE)
			memcpy(e->store + e->settled * e->stride, s->borrowed, s->len);
	}
}

void fec_enc_trim(struct fec_enc *e)
{
	if (e->settled == 0) {
		free(e->store);
		e->store = NULL;
		e->store_shards = 0;
	} else if (e->parity == PARITY_DUE && e->settled < e->store_shards) {
		uint8_t *p = realloc(e->store, e->settled * e->stride);

		if (p != NULL) {
			e->store = p;
			e->store_shards = e->settled;
		}
	}
}

size_t fec_enc_memory(const struct fec_enc *e)
{
	return sizeof(*e) + e->ds * sizeof(e->shards[0]) + table_size(e->ds, e->ps) +
	       e->store_shards * e->stride;
}
