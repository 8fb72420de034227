/* fec_dec.c - keeps shards of the newest sets, rebuilds what was lost.
 *
 * Sets are numbered on without end: where the sender's numbers wrap (at paws),
 * ours go on.  The newest FEC_SETS_MAX numbers are the window; set k lives in
 * slot k mod FEC_SETS_MAX.
 *
 *     ... | newest-3 | newest-2 | newest-1 | newest | up to JUMP_SETS ahead | ...
 *   astray        in the window                       moves the window       astray
 *
 * A packet astray is old, or the sender jumped: after a restart, or in a long
 * silence of the network.  It changes nothing until STRAYS_MAX of them in a row,
 * with nothing from the window between, agree on a place; then the window goes there.
 *
 * A set is closed, and its memory free, as soon as `ds` of its shards were there. */
#include <assert.h>
#include <isa-l.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "fec.h"
#include "fec_rs.h"
#include "fec_tune.h"

enum {
	JUMP_SETS = 64,
	STRAYS_MAX = 8,
	REBUILD_ROWS = 6, /* shards rebuilt in one pass, as many as ISA-L's kernels take */
};

struct shard {
	uint8_t *mem; /* NULL: not here */
	size_t len;
};

struct set {
	uint64_t number;    /* of the unwrapped count */
	bool used;          /* number is valid */
	bool closed;        /* rebuilt, whole, found unsound, or given up: takes nothing more */
	bool touched;       /* since the last fec_dec_trim() */
	unsigned held;      /* shards here */
	unsigned data_held; /* of them, data */
	size_t parity_len;  /* of each parity shard, 0: none here */
	struct shard *shards; /* n, in `all_shards` */
};

/* What was sized for one (ds, ps). */
struct geometry {
	unsigned ds, ps, n;
	uint32_t paws;
	uint32_t set_count;       /* sets before seqid wraps */
	struct shard *all_shards; /* FEC_SETS_MAX * n */
	struct shard *rebuilt;    /* min(ds, ps), in the order of seqid */
	uint8_t **spare;          /* shard memory not in use, `spare_cap` */
	size_t spare_cap;         /* as many as can ever be in use */
	uint8_t *tables;          /* ds * REBUILD_ROWS of RS_TABLE */
	uint8_t *data_weights;    /* ds */
};

struct fec_dec {
	struct geometry g;   /* n == 0: nothing known yet */
	struct fec_tune tune;
	struct set sets[FEC_SETS_MAX];
	bool started;        /* newest is valid */
	uint32_t newest_set; /* as the sender counts */
	uint64_t newest;     /* as we count */
	unsigned strays;     /* in a row */
	uint32_t stray_set;  /* the newest of them */
	size_t shard_max;    /* longest size|payload */
	size_t stride;       /* bytes of one shard in memory */
	size_t spare_count;
	size_t mem_count;    /* shard memories, spare or not */
	size_t rebuilt_count, rebuilt_next;
	struct fec_dec_stats stats;
};

/* ---- memory -------------------------------------------------------------- */

static unsigned rebuilt_cap(unsigned ds, unsigned ps)
{
	return ds < ps ? ds : ps;
}

static void geometry_dispose(struct geometry *g)
{
	free(g->all_shards);
	free(g->rebuilt);
	free(g->spare);
	free(g->tables);
	free(g->data_weights);
	memset(g, 0, sizeof(*g));
}

static bool geometry_init(struct geometry *g, unsigned ds, unsigned ps)
{
	memset(g, 0, sizeof(*g));
	g->ds = ds;
	g->ps = ps;
	g->n = ds + ps;
	g->paws = rs_paws(g->n);
	g->set_count = g->paws / g->n;
	g->spare_cap = (size_t)FEC_SETS_MAX * g->n;
	g->all_shards = calloc(g->spare_cap, sizeof(*g->all_shards));
	g->rebuilt = calloc(rebuilt_cap(ds, ps), sizeof(*g->rebuilt));
	g->spare = calloc(g->spare_cap, sizeof(*g->spare));
	g->tables = malloc((size_t)ds * REBUILD_ROWS * RS_TABLE);
	g->data_weights = malloc(ds);
	if (g->all_shards == NULL || g->rebuilt == NULL || g->spare == NULL || g->tables == NULL ||
	    g->data_weights == NULL) {
		geometry_dispose(g);
		return false;
	}
	rs_data_weights(ds, g->data_weights);
	return true;
}

static uint8_t *get_mem(struct fec_dec *d)
{
	uint8_t *mem;

	if (d->spare_count > 0)
		return d->g.spare[--d->spare_count];
	mem = malloc(d->stride);
	if (mem != NULL)
		d->mem_count++;
	return mem;
}

static void put_mem(struct fec_dec *d, uint8_t *mem)
{
	assert(d->spare_count < d->g.spare_cap);
	d->g.spare[d->spare_count++] = mem;
}

static void free_spare(struct fec_dec *d)
{
	d->mem_count -= d->spare_count;
	while (d->spare_count > 0)
		free(d->g.spare[--d->spare_count]);
}

/* ---- sets ---------------------------------------------------------------- */

static bool is_held(const struct set *s)
{
	return s->used && !s->closed;
}

static void set_close(struct fec_dec *d, struct set *s)
{
	for (unsigned i = 0; s->held > 0; i++) {
		if (s->shards[i].mem == NULL)
			continue;
		put_mem(d, s->shards[i].mem);
		s->shards[i].mem = NULL;
		s->held--;
	}
	s->data_held = 0;
	s->parity_len = 0;
	s->closed = true;
}

static void set_open(struct set *s, uint64_t number)
{
	assert(s->held == 0);
	s->number = number;
	s->used = true;
	s->closed = false;
}

static void forget_sets(struct fec_dec *d)
{
	for (size_t i = 0; i < FEC_SETS_MAX; i++) {
		set_close(d, &d->sets[i]);
		d->sets[i].used = false;
	}
	d->strays = 0;
}

/* Signed distance a - b of two set numbers as the sender counts them. */
static int64_t set_diff(const struct fec_dec *d, uint32_t a, uint32_t b)
{
	int64_t count = d->g.set_count;
	int64_t diff = (int64_t)a - (int64_t)b;

	if (diff > count / 2)
		diff -= count;
	else if (diff < -(count / 2))
		diff += count;
	return diff;
}

/* The window goes to where no set of it was before. */
static void restart_window(struct fec_dec *d, uint32_t set)
{
	forget_sets(d);
	d->started = true;
	d->newest_set = set;
	d->newest += FEC_SETS_MAX;
}

static void advance_window(struct fec_dec *d, uint32_t set, uint64_t by)
{
	d->newest_set = set;
	d->newest += by;
	for (size_t i = 0; i < FEC_SETS_MAX; i++) {
		struct set *s = &d->sets[i];

		if (s->used && d->newest - s->number >= FEC_SETS_MAX) {
			set_close(d, s);
			s->used = false;
		}
	}
}

/* True when enough packets insist on a place outside of the window. */
static bool astray(struct fec_dec *d, uint32_t set)
{
	int64_t diff = set_diff(d, set, d->stray_set);

	if (diff <= -FEC_SETS_MAX || diff > JUMP_SETS)
		d->strays = 0;
	if (d->strays == 0 || diff > 0)
		d->stray_set = set;
	d->strays++;
	return d->strays >= STRAYS_MAX;
}

/* The set to put a shard into, NULL when the packet is astray. */
static struct set *find_set(struct fec_dec *d, uint32_t set)
{
	int64_t diff = d->started ? set_diff(d, set, d->newest_set) : 0;
	uint64_t number;
	struct set *s;

	if (!d->started) {
		restart_window(d, set);
	} else if (diff <= -FEC_SETS_MAX || diff > JUMP_SETS) {
		if (!astray(d, set))
			return NULL;
		diff = 0;
		restart_window(d, set);
	} else if (diff > 0) {
		advance_window(d, set, (uint64_t)diff);
		diff = 0;
	}
	d->strays = 0;
	number = d->newest - (uint64_t)-diff;
	s = &d->sets[number % FEC_SETS_MAX];
	if (!s->used)
		set_open(s, number);
	assert(s->number == number);
	return s;
}

/* ---- rebuilding ---------------------------------------------------------- */

/* The shards of a set that has `ds` of them: points of the polynomial, sources of the sum. */
struct sources {
	uint8_t x[FEC_SHARDS_MAX];
	uint8_t *mem[FEC_SHARDS_MAX];
	uint8_t missing[FEC_SHARDS_MAX]; /* data positions to rebuild */
	unsigned missing_count;
};

/* Collect and pad; false when a data shard is longer than the parity made of it. */
static bool gather(const struct fec_dec *d, const struct set *s, size_t columns, struct sources *src)
{
	unsigned count = 0;

	src->missing_count = 0;
	for (unsigned i = 0; i < d->g.n && count < d->g.ds; i++) {
		const struct shard *shard = &s->shards[i];

		if (shard->mem != NULL) {
			if (shard->len > s->parity_len)
				return false;
			memset(shard->mem + shard->len, 0, columns - shard->len);
			src->x[count] = (uint8_t)i;
			src->mem[count++] = shard->mem;
		} else if (i < d->g.ds) {
			src->missing[src->missing_count++] = (uint8_t)i;
		}
	}
	assert(count == d->g.ds);
	return true;
}

/* Rebuild missing shards [from, from + count) into out. */
static void interpolate(const struct fec_dec *d, struct sources *src, const uint8_t *weights,
                        unsigned from, unsigned count, size_t columns, uint8_t **out)
{
	uint8_t rows[REBUILD_ROWS * FEC_SHARDS_MAX];

	for (unsigned i = 0; i < count; i++)
		rs_row(src->x, weights, d->g.ds, src->missing[from + i], rows + (size_t)i * d->g.ds);
	ec_init_tables((int)d->g.ds, (int)count, rows, d->g.tables);
	ec_encode_data((int)columns, (int)d->g.ds, (int)count, d->g.tables, src->mem, out);
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
		put_mem(d, mem);
		return;
	}
	d->stats.recovered++;
	if (size == 2) {
		put_mem(d, mem);
		return;
	}
	d->g.rebuilt[d->rebuilt_count++] = (struct shard){ mem, size };
}

/* As many as asked for, or as memory allows. */
static unsigned get_mems(struct fec_dec *d, uint8_t **mems, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		mems[i] = get_mem(d);
		if (mems[i] == NULL)
			return i;
	}
	return count;
}

static void rebuild(struct fec_dec *d, const struct set *s)
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
	rs_weights_replaced(src.x, d->g.ds, d->g.data_weights, src.missing, src.missing_count, weights);
	while (done < src.missing_count) {
		unsigned left = src.missing_count - done;
		unsigned count = get_mems(d, out, left < REBUILD_ROWS ? left : REBUILD_ROWS);

		if (count == 0)
			return; /* out of memory: KCP will resend them */
		interpolate(d, &src, weights, done, count, columns, out);
		for (unsigned i = 0; i < count; i++)
			deliver(d, out[i], s->parity_len);
		done += count;
	}
}

static void drop_rebuilt(struct fec_dec *d)
{
	for (size_t i = 0; i < d->rebuilt_count; i++)
		put_mem(d, d->g.rebuilt[i].mem);
	d->rebuilt_count = 0;
	d->rebuilt_next = 0;
}

/* ---- input --------------------------------------------------------------- */

static void refresh_stats(struct fec_dec *d)
{
	uint32_t held = 0, least = 0;

	for (size_t i = 0; i < FEC_SETS_MAX; i++) {
		const struct set *s = &d->sets[i];

		if (!is_held(s))
			continue;
		held++;
		if (least == 0 || s->held < least)
			least = s->held;
	}
	d->stats.sets_held = held;
	d->stats.shard_min = least;
}

/* All parity of a set is as long as its longest shard. */
static bool parity_agrees(const struct fec_dec *d, const struct set *s, unsigned position, size_t len)
{
	return position < d->g.ds || s->parity_len == 0 || s->parity_len == len;
}

/* False when there is no memory for it. */
static bool store(struct fec_dec *d, struct set *s, unsigned position, struct view bytes)
{
	uint8_t *mem = get_mem(d);

	if (mem == NULL)
		return false;
	memcpy(mem, bytes.p, bytes.n);
	s->shards[position] = (struct shard){ mem, bytes.n };
	s->held++;
	if (position < d->g.ds)
		s->data_held++;
	else
		s->parity_len = bytes.n;
	return true;
}

static int take_shard(struct fec_dec *d, struct set *s, unsigned position, struct view bytes)
{
	s->touched = true;
	if (s->closed || s->shards[position].mem != NULL)
		return 0; /* not needed any more, or a repeat */
	if (!parity_agrees(d, s, position, bytes.n)) {
		d->stats.errors++;
		return KT_EPROTO;
	}
	/* The last shard of a set that came whole need not be kept. */
	if (position < d->g.ds && s->data_held + 1 == d->g.ds) {
		d->stats.full_sets++;
		set_close(d, s);
		return 0;
	}
	if (!store(d, s, position, bytes))
		return 0;
	if (s->held < d->g.ds)
		return 0;
	rebuild(d, s);
	set_close(d, s);
	return (int)d->rebuilt_count;
}

/* Take the numbers that were found; if memory is short, those in force remain. */
static void adopt(struct fec_dec *d, unsigned ds, unsigned ps)
{
	struct geometry g;

	if (!geometry_init(&g, ds, ps)) {
		fec_tune_init(&d->tune, d->g.ds, d->g.ps);
		return;
	}
	if (d->g.n != 0)
		forget_sets(d);
	free_spare(d);
	geometry_dispose(&d->g);
	d->g = g;
	for (size_t i = 0; i < FEC_SETS_MAX; i++)
		d->sets[i].shards = g.all_shards + i * g.n;
	d->started = false;
	fec_tune_init(&d->tune, ds, ps);
}

/* Tell the tuner; false when the packet is not to be used with the numbers in force. */
static bool consult(struct fec_dec *d, uint32_t seqid, bool is_data, bool fits)
{
	unsigned ds, ps;

	if (fec_tune_quiet(&d->tune) && fits)
		return true;
	if (fec_tune_input(&d->tune, seqid, is_data, fits, &ds, &ps)) {
		adopt(d, ds, ps);
		d->stats.retunes++;
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
	bool known = d->g.n != 0;
	bool beyond = known && seqid >= d->g.paws;
	uint32_t number = known ? seqid / d->g.n : 0;
	unsigned position = seqid - number * d->g.n;
	bool fits = known && !beyond && is_data == (position < d->g.ds);
	struct set *s;

	d->stats.parity_shards += !is_data;
	if (!consult(d, seqid, is_data, fits)) {
		d->stats.errors += beyond;
		return beyond ? KT_EPROTO : 0;
	}
	s = find_set(d, number);
	if (s == NULL)
		return 0;
	return take_shard(d, s, position, (struct view){ pkt.p + FEC_HEADER, pkt.n - FEC_HEADER });
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
	const struct shard *s;

	if (d->rebuilt_next == d->rebuilt_count)
		return false;
	s = &d->g.rebuilt[d->rebuilt_next++];
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
	d->stride = rs_columns(d->shard_max);
	fec_tune_init(&d->tune, 0, 0);
	if (!unknown)
		adopt(d, ds, ps);
	if (!unknown && d->g.n == 0) {
		free(d);
		return NULL;
	}
	return d;
}

void fec_dec_free(struct fec_dec *d)
{
	if (d == NULL)
		return;
	drop_rebuilt(d);
	if (d->g.n != 0)
		forget_sets(d);
	free_spare(d);
	geometry_dispose(&d->g);
	free(d);
}

void fec_dec_params(const struct fec_dec *d, unsigned *ds, unsigned *ps)
{
	*ds = d->g.ds;
	*ps = d->g.ps;
}

const struct fec_dec_stats *fec_dec_stats(const struct fec_dec *d)
{
	return &d->stats;
}

/* A set that got nothing since the last call is given up: KCP has long resent
 * what it could bring back. */
void fec_dec_trim(struct fec_dec *d)
{
	drop_rebuilt(d);
	for (size_t i = 0; i < FEC_SETS_MAX; i++) {
		struct set *s = &d->sets[i];

		if (is_held(s) && !s->touched)
			set_close(d, s);
		s->touched = false;
	}
	free_spare(d);
	refresh_stats(d);
}

size_t fec_dec_memory(const struct fec_dec *d)
{
	const struct geometry *g = &d->g;
	size_t fixed = g->spare_cap * (sizeof(*g->all_shards) + sizeof(*g->spare)) +
	               rebuilt_cap(g->ds, g->ps) * sizeof(*g->rebuilt) +
	               (size_t)g->ds * (REBUILD_ROWS * RS_TABLE + 1);

	return sizeof(*d) + fixed + d->mem_count * d->stride;
}

/* Shards that a set holds, counted. */
static unsigned verify_set(const struct fec_dec *d, size_t slot)
{
	const struct set *s = &d->sets[slot];
	unsigned held = 0, data_held = 0;

	for (unsigned i = 0; i < d->g.n; i++) {
		if (s->shards[i].mem == NULL)
			continue;
		held++;
		data_held += i < d->g.ds;
		assert(s->shards[i].len >= 2 && s->shards[i].len <= d->shard_max);
		assert(i < d->g.ds || s->shards[i].len == s->parity_len);
	}
	assert(held == s->held && data_held == s->data_held);
	assert(held == 0 || is_held(s));
	assert(held < d->g.ds || d->g.ds == 0);
	if (s->used) {
		assert(s->number % FEC_SETS_MAX == slot);
		assert(d->newest - s->number < FEC_SETS_MAX);
	}
	return held;
}

void fec_dec_verify(const struct fec_dec *d)
{
	size_t in_use = d->rebuilt_count;

	fec_tune_verify(&d->tune);
	assert(d->tune.ds == d->g.ds && d->tune.ps == d->g.ps);
	assert(d->rebuilt_next <= d->rebuilt_count);
	assert(d->rebuilt_count <= rebuilt_cap(d->g.ds, d->g.ps));
	assert(!d->started || d->newest_set < d->g.set_count);
	assert(d->strays < STRAYS_MAX);
	for (size_t i = 0; i < FEC_SETS_MAX; i++)
		in_use += verify_set(d, i);
	assert(in_use + d->spare_count == d->mem_count);
}
