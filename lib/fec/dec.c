/* dec.c - takes shards in, and rebuilds those that were lost.
 *
 * A set is closed, and its memory free, as soon as `ds` of its shards were there:
 * either all the data came by itself, or what is missing is rebuilt on the spot. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "fec.h"
#include "fec_rs.h"
#include "fec_sets.h"
#include "fec_tune.h"

enum { REBUILD_ROWS = 6 /* shards rebuilt in one pass */ };

/* What rebuilding with one (ds, ps) needs. */
struct rebuilder {
	unsigned cap;          /* shards that can be rebuilt of one set: min(ds, ps), of all held */
	struct fec_shard *out; /* cap; rebuilt ones, set by set in the order of seqid */
	uint8_t *data_weights; /* ds */
};

struct fec_dec {
	struct fec_tune tune;
	struct fec_sets sets;
	struct rebuilder rb;
	size_t out_count, out_next; /* of rb.out: filled, and handed out */
	size_t shard_max;           /* longest size|payload */
	struct fec_dec_stats stats;
};

/* ---- rebuilding ---------------------------------------------------------- */

static void rebuilder_dispose(struct rebuilder *rb)
{
	free(rb->out);
	free(rb->data_weights);
	memset(rb, 0, sizeof(*rb));
}

static bool rebuilder_init(struct rebuilder *rb, unsigned ds, unsigned ps)
{
	rb->cap = (ds < ps ? ds : ps) * FEC_SETS_MAX;
	rb->out = calloc(rb->cap, sizeof(*rb->out));
	rb->data_weights = malloc(ds);
	if (rb->out == NULL || rb->data_weights == NULL) {
		rebuilder_dispose(rb);
		return false;
	}
	rs_data_weights(ds, rb->data_weights);
	return true;
}

/* The shards of a set that has `ds` of them: points of the polynomial, sources of the sum. */
struct sources {
	uint8_t x[FEC_SHARDS_MAX];
	uint8_t *mem[FEC_SHARDS_MAX];
	uint8_t missing[FEC_SHARDS_MAX]; /* data positions to rebuild */
	unsigned missing_count;
};

/* Collect and pad; false when a data shard is longer than the parity made of it. */
static bool gather(const struct fec_dec *d, const struct fec_set *s, size_t columns,
		   struct sources *src)
{
	unsigned count = 0;

	src->missing_count = 0;
	for (unsigned i = 0; i < d->sets.n && count < d->sets.ds; i++) {
		const struct fec_shard *shard = &s->shards[i];

		if (shard->mem != NULL) {
			if (shard->len > s->parity_len)
				return false;
			memset(shard->mem + shard->len, 0, columns - shard->len);
			src->x[count] = (uint8_t)i;
			src->mem[count++] = shard->mem;
		} else if (i < d->sets.ds) {
			src->missing[src->missing_count++] = (uint8_t)i;
		}
	}
	assert(count == d->sets.ds);
	return true;
}

/* Is this size|payload|zeros, as every sender pads it? */
static bool is_sound(const uint8_t *shard, size_t len)
{
	size_t size = load_le16(shard);
	uint8_t rest = 0;

	if (size < 2 || size > len)
		return false;
	for (size_t i = size; i < len; i++)
		rest |= shard[i];
	return rest == 0;
}

/* Keep a rebuilt shard for fec_dec_next(), if it has something to say. */
static void deliver(struct fec_dec *d, uint8_t *mem, size_t len)
{
	size_t size = load_le16(mem);

	if (!is_sound(mem, len)) {
		d->stats.errors++;
		fec_sets_put(&d->sets, mem);
		return;
	}
	d->stats.recovered++;
	if (size == 2) {
		fec_sets_put(&d->sets, mem);
		return;
	}
	d->rb.out[d->out_count++] = (struct fec_shard){ mem, size };
}

/* As many as asked for, or as memory allows. */
static unsigned get_mems(struct fec_dec *d, uint8_t **mems, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		mems[i] = fec_sets_get(&d->sets);
		if (mems[i] == NULL)
			return i;
	}
	return count;
}

static void rebuild(struct fec_dec *d, const struct fec_set *s)
{
	size_t columns = rs_columns(s->parity_len);
	uint8_t weights[FEC_SHARDS_MAX];
	uint8_t *out[REBUILD_ROWS];
	struct sources src;
	unsigned done = 0;

	if (!gather(d, s, columns, &src)) {
		d->stats.errors++;
		return;
	}
	rs_weights_replaced(src.x, d->sets.ds, d->rb.data_weights, src.missing, src.missing_count,
			    weights);
	while (done < src.missing_count) {
		unsigned left = src.missing_count - done;
		unsigned count = get_mems(d, out, left < REBUILD_ROWS ? left : REBUILD_ROWS);

		if (count == 0)
			return; /* out of memory: KCP will resend them */
		rs_interpolate(src.x, weights, d->sets.ds, src.missing + done, count, columns,
			       src.mem, out);
		for (unsigned i = 0; i < count; i++)
			deliver(d, out[i], s->parity_len);
		done += count;
	}
}

static void drop_rebuilt(struct fec_dec *d)
{
	for (size_t i = 0; i < d->out_count; i++)
		fec_sets_put(&d->sets, d->rb.out[i].mem);
	d->out_count = 0;
	d->out_next = 0;
}

/* ---- input --------------------------------------------------------------- */

static void refresh_stats(struct fec_dec *d)
{
	uint32_t held = 0, least = 0;

	for (size_t i = 0; i < FEC_SETS_MAX; i++) {
		const struct fec_set *s = &d->sets.slots[i];

		if (!fec_set_is_open(s))
			continue;
		held++;
		if (least == 0 || s->held < least)
			least = s->held;
	}
	d->stats.sets_held = held;
	d->stats.shard_min = least;
}

/* All parity of a set is as long as its longest shard. */
static bool parity_agrees(const struct fec_dec *d, const struct fec_set *s, unsigned position,
			  size_t len)
{
	return position < d->sets.ds || s->parity_len == 0 || s->parity_len == len;
}

static int take_shard(struct fec_dec *d, struct fec_set *s, unsigned position, struct view bytes)
{
	if (s->closed || s->shards[position].mem != NULL)
		return 0; /* not needed any more, or a repeat */
	if (!parity_agrees(d, s, position, bytes.n)) {
		d->stats.errors++;
		return KT_EPROTO;
	}
	/* The last shard of a set that came whole need not be kept. */
	if (position < d->sets.ds && s->data_held + 1 == d->sets.ds) {
		d->stats.full_sets++;
		fec_sets_close(&d->sets, s);
		return 0;
	}
	if (s->held == d->sets.ds) /* it waits for the numbers to be proven, and has enough */
		return 0;
	if (!fec_sets_store(&d->sets, s, position, bytes))
		return 0;
	if (s->held < d->sets.ds || !fec_dec_proven(d))
		return 0;
	rebuild(d, s);
	fec_sets_close(&d->sets, s);
	return (int)d->out_count;
}

/* The numbers have just been proven: sets that waited for that, oldest first. */
static int rebuild_waiting(struct fec_dec *d)
{
	for (;;) {
		struct fec_set *oldest = NULL;

		for (size_t i = 0; i < FEC_SETS_MAX; i++) {
			struct fec_set *s = &d->sets.slots[i];

			if (fec_set_is_open(s) && s->held >= d->sets.ds &&
			    (oldest == NULL || s->number < oldest->number))
				oldest = s;
		}
		if (oldest == NULL)
			return (int)d->out_count;
		rebuild(d, oldest);
		fec_sets_close(&d->sets, oldest);
	}
}

/* Begin with new numbers.  When out of memory, those in force remain. */
static bool adopt(struct fec_dec *d, unsigned ds, unsigned ps)
{
	struct fec_sets sets;
	struct rebuilder rb;

	assert(d->out_count == 0);
	if (!rebuilder_init(&rb, ds, ps))
		return false;
	if (!fec_sets_init(&sets, ds, ps, rs_columns(d->shard_max))) {
		rebuilder_dispose(&rb);
		return false;
	}
	fec_sets_dispose(&d->sets);
	rebuilder_dispose(&d->rb);
	d->sets = sets;
	d->rb = rb;
	fec_tune_init(&d->tune, ds, ps);
	return true;
}

/* The sender's numbers were found. */
static void retune(struct fec_dec *d, unsigned ds, unsigned ps)
{
	if (adopt(d, ds, ps))
		d->stats.retunes++;
	else
		fec_tune_init(&d->tune, d->sets.ds, d->sets.ps); /* find them again later */
}

/* Tell the tuner; false when the packet is not to be used with the numbers in force. */
static bool consult(struct fec_dec *d, uint32_t seqid, bool is_data, bool fits)
{
	unsigned ds, ps;

	if (fec_tune_quiet(&d->tune) && fits)
		return true;
	if (fec_tune_input(&d->tune, seqid, is_data, fits, &ds, &ps)) {
		retune(d, ds, ps);
		return false;
	}
	return fits && fec_tune_trusted(&d->tune);
}

static bool well_formed(const struct fec_dec *d, struct view pkt)
{
	uint16_t type;

	if (pkt.n < FEC_HEADER_DATA || pkt.n - FEC_HEADER > d->shard_max)
		return false;
	type = load_le16(pkt.p + 4);
	if (type == FEC_TYPE_DATA) {
		size_t size = load_le16(pkt.p + FEC_HEADER);

		if (size < 2 || size > pkt.n - FEC_HEADER)
			return false;
	} else if (type != FEC_TYPE_PARITY) {
		return false;
	}
	return load_le32(pkt.p) < UINT32_MAX; /* below every paws */
}

static int input(struct fec_dec *d, struct view pkt)
{
	uint32_t seqid = load_le32(pkt.p);
	bool is_data = load_le16(pkt.p + 4) == FEC_TYPE_DATA;
	bool known = d->sets.n != 0;
	bool beyond = known && seqid >= d->sets.paws;
	uint32_t number = known ? seqid / d->sets.n : 0;
	unsigned position = seqid - number * d->sets.n;
	bool fits = known && !beyond && is_data == (position < d->sets.ds);
	bool proven = fec_dec_proven(d);
	struct fec_set *s;
	int result = 0;

	d->stats.parity_shards += !is_data;
	if (!consult(d, seqid, is_data, fits)) {
		d->stats.errors += beyond;
		return beyond ? KT_EPROTO : 0;
	}
	s = fec_sets_find(&d->sets, number);
	if (s != NULL)
		result = take_shard(d, s, position,
				    (struct view){ pkt.p + FEC_HEADER, pkt.n - FEC_HEADER });
	return proven || !fec_dec_proven(d) ? result : rebuild_waiting(d);
}

int fec_dec_input(struct fec_dec *d, struct view pkt)
{
	int result;

	drop_rebuilt(d);
	if (!well_formed(d, pkt)) {
		d->stats.errors++;
		return KT_EPROTO;
	}
	result = input(d, pkt);
	refresh_stats(d);
	return result;
}

bool fec_dec_next(struct fec_dec *d, struct view *payload)
{
	const struct fec_shard *s;

	if (d->out_next == d->out_count)
		return false;
	s = &d->rb.out[d->out_next++];
	*payload = (struct view){ s->mem + 2, s->len - 2 };
	return true;
}

/* ---- life ---------------------------------------------------------------- */

struct fec_dec *fec_dec_new(unsigned ds, unsigned ps, size_t payload_max)
{
	struct fec_dec *d;
	bool unknown = ds == 0 && ps == 0;

	if ((!unknown && !rs_valid(ds, ps)) || payload_max > UINT16_MAX - 2)
		return NULL;
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return NULL;
	d->shard_max = payload_max + 2;
	fec_tune_init(&d->tune, 0, 0);
	if (!unknown && !adopt(d, ds, ps)) {
		free(d);
		return NULL;
	}
	return d;
}

void fec_dec_doubt(struct fec_dec *d)
{
	fec_tune_doubt(&d->tune);
}

bool fec_dec_proven(const struct fec_dec *d)
{
	return d->tune.state != FEC_TUNE_GUESSED;
}

void fec_dec_free(struct fec_dec *d)
{
	if (d == NULL)
		return;
	drop_rebuilt(d);
	fec_sets_dispose(&d->sets);
	rebuilder_dispose(&d->rb);
	free(d);
}

void fec_dec_params(const struct fec_dec *d, unsigned *ds, unsigned *ps)
{
	*ds = d->sets.ds;
	*ps = d->sets.ps;
}

const struct fec_dec_stats *fec_dec_stats(const struct fec_dec *d)
{
	return &d->stats;
}

void fec_dec_trim(struct fec_dec *d)
{
	drop_rebuilt(d);
	fec_sets_trim(&d->sets);
	refresh_stats(d);
}

size_t fec_dec_memory(const struct fec_dec *d)
{
	return sizeof(*d) + fec_sets_memory(&d->sets) + d->rb.cap * sizeof(*d->rb.out) + d->sets.ds;
}

void fec_dec_verify(const struct fec_dec *d)
{
	fec_tune_verify(&d->tune);
	assert(d->tune.ds == d->sets.ds && d->tune.ps == d->sets.ps);
	assert(d->out_next <= d->out_count && d->out_count <= d->rb.cap);
	fec_sets_verify(&d->sets, d->out_count);
}
