/* rlc_in.c - keeps the small segments that came lately, and finds those that symbols tell.
 *
 * A symbol is an equation.  What is known of its segments is taken off it at once, and again whenever
 * one of them comes; so what is kept is a sum of what is missing, and an equation with nothing missing is
 * dropped.  Equations are solved by their factors first, and bytes are touched only for what that determines. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fec_rlc.h"
#include "gf256.h"
#include "rlc_impl.h"

enum { UNKNOWNS = 32 }; /* looked at together */

struct kept {
	uint8_t *mem; /* the payload; NULL: nothing */
	uint32_t number;
	size_t len;
};

struct equation {
	uint32_t first;
	uint16_t missing; /* bit i: first + i; 0: no equation */
	uint8_t seed;
	size_t len;
	uint8_t *mem; /* the sum of what is missing */
};

struct rlc_in {
	size_t bytes;  /* of all that is allocated */
	unsigned next; /* of the equations: the oldest */
	struct equation equations[RLC_SYMBOLS];
	unsigned rebuilt_count, rebuilt_next;
	uint32_t rebuilt[UNKNOWNS]; /* numbers, kept as if they had come */
	struct rlc_in_stats stats;
	struct kept kept[RLC_KEPT];
};

struct rlc_in *rlc_in_new(void)
{
	return calloc(1, sizeof(struct rlc_in));
}

/* ---- memory -------------------------------------------------------------------- */

static uint8_t *mem_new(struct rlc_in *r, struct view bytes)
{
	uint8_t *mem = malloc(bytes.n + 1); /* nothing is no reason for NULL */

	if (mem == NULL)
		return NULL;
	if (bytes.n > 0)
		memcpy(mem, bytes.p, bytes.n);
	r->bytes += bytes.n;
	return mem;
}

static void equation_drop(struct rlc_in *r, struct equation *e)
{
	if (e->missing == 0)
		return;
	r->bytes -= e->len;
	free(e->mem);
	*e = (struct equation){ .mem = NULL };
}

static void kept_drop(struct rlc_in *r, struct kept *k)
{
	if (k->mem == NULL)
		return;
	r->bytes -= k->len;
	free(k->mem);
	k->mem = NULL;
}

static void drop_equations(struct rlc_in *r)
{
	for (unsigned i = 0; i < RLC_SYMBOLS; i++)
		equation_drop(r, &r->equations[i]);
}

void rlc_in_free(struct rlc_in *r)
{
	if (r == NULL)
		return;
	drop_equations(r);
	for (unsigned i = 0; i < RLC_KEPT; i++)
		kept_drop(r, &r->kept[i]);
	assert(r->bytes == 0);
	free(r);
}

/* ---- what is known ---------------------------------------------------------------- */

static struct kept *slot(struct rlc_in *r, uint32_t number)
{
	return &r->kept[number & (RLC_KEPT - 1)];
}

static const struct kept *find(struct rlc_in *r, uint32_t number)
{
	const struct kept *k = slot(r, number);

	return k->mem != NULL && k->number == number ? k : NULL;
}

/* Not what is older than what has its place: a late repeat. */
static bool keep(struct rlc_in *r, uint32_t number, struct view payload)
{
	struct kept *k = slot(r, number);
	uint8_t *mem;

	if (k->mem != NULL && (int32_t)(number - k->number) <= 0)
		return false;
	if ((mem = mem_new(r, payload)) == NULL)
		return false;
	kept_drop(r, k);
	*k = (struct kept){ .mem = mem, .number = number, .len = payload.n };
	return true;
}

static bool lacks(const struct equation *e, uint32_t number)
{
	return number - e->first < RLC_WINDOW && (e->missing >> (number - e->first) & 1) != 0;
}

/* Take a known segment off.  One that is longer than the sum is not what was summed. */
static void reduce(struct rlc_in *r, struct equation *e, uint32_t number, struct view payload)
{
	if (!lacks(e, number))
		return;
	if (payload.n + RLC_LENGTH > e->len) {
		r->stats.errors++;
		equation_drop(r, e);
		return;
	}
	rlc_add_source(e->mem, rlc_factor(e->seed, number), payload);
	if ((e->missing & (e->missing - 1)) == 0) {
		equation_drop(r, e);
		return;
	}
	e->missing &= (uint16_t) ~(1u << (number - e->first));
}

/* True when that changed any: then there may be something to solve. */
static bool reduce_all(struct rlc_in *r, uint32_t number, struct view payload)
{
	bool any = false;

	for (unsigned i = 0; i < RLC_SYMBOLS; i++) {
		any |= lacks(&r->equations[i], number);
		reduce(r, &r->equations[i], number, payload);
	}
	return any;
}

/* ---- solving ------------------------------------------------------------------------ */

struct row {
	uint8_t factor[UNKNOWNS];  /* of the unknowns */
	uint8_t from[RLC_SYMBOLS]; /* the equations that it is a sum of */
};

struct system {
	uint32_t unknown[UNKNOWNS]; /* numbers */
	unsigned unknowns, rows;
	const struct equation *equation[RLC_SYMBOLS];
	struct row row[RLC_SYMBOLS];
};

/* The column of a number, a new one if need be; false when there are too many. */
static bool column(struct system *y, uint32_t number, unsigned *c)
{
	for (*c = 0; *c < y->unknowns; (*c)++)
		if (y->unknown[*c] == number)
			return true;
	if (y->unknowns == UNKNOWNS)
		return false;
	y->unknown[y->unknowns++] = number;
	return true;
}

static void add_equation(struct system *y, const struct equation *e)
{
	struct row row = { .from = { 0 } };
	unsigned c;

	row.from[y->rows] = 1;
	for (unsigned i = 0; i < RLC_WINDOW; i++) {
		if ((e->missing >> i & 1) == 0)
			continue;
		if (!column(y, e->first + i, &c))
			return;
		row.factor[c] = rlc_factor(e->seed, e->first + i);
	}
	y->equation[y->rows] = e;
	y->row[y->rows++] = row;
}

static void row_scale(struct row *w, uint8_t factor)
{
	for (unsigned i = 0; i < UNKNOWNS; i++)
		w->factor[i] = gf256_mul(w->factor[i], factor);
	for (unsigned i = 0; i < RLC_SYMBOLS; i++)
		w->from[i] = gf256_mul(w->from[i], factor);
}

static void row_add(struct row *w, uint8_t factor, const struct row *other)
{
	for (unsigned i = 0; i < UNKNOWNS; i++)
		w->factor[i] ^= gf256_mul(factor, other->factor[i]);
	for (unsigned i = 0; i < RLC_SYMBOLS; i++)
		w->from[i] ^= gf256_mul(factor, other->from[i]);
}

/* Gauss and Jordan: afterwards each unknown that is determined stands alone in a row. */
static void eliminate(struct system *y)
{
	unsigned done = 0;

	for (unsigned c = 0; c < y->unknowns && done < y->rows; c++) {
		unsigned p = done;
		struct row pivot;

		while (p < y->rows && y->row[p].factor[c] == 0)
			p++;
		if (p == y->rows)
			continue;
		pivot = y->row[p];
		y->row[p] = y->row[done];
		row_scale(&pivot, gf256_inv(pivot.factor[c]));
		y->row[done] = pivot;
		for (unsigned i = 0; i < y->rows; i++)
			if (i != done && y->row[i].factor[c] != 0)
				row_add(&y->row[i], y->row[i].factor[c], &pivot);
		done++;
	}
}

/* The one unknown of a row; false when it has none or several. */
static bool alone(const struct system *y, const struct row *w, uint32_t *number)
{
	unsigned n = 0;

	for (unsigned c = 0; c < y->unknowns; c++) {
		if (w->factor[c] == 0)
			continue;
		*number = y->unknown[c];
		n++;
	}
	return n == 1;
}

/* The source that a row is; false when that is not a length, so many bytes, and zeros. */
static bool evaluate(const struct system *y, const struct row *w, uint8_t *sum, struct view *payload)
{
	size_t len = 0, end;
	uint8_t rest = 0;

	memset(sum, 0, RLC_LENGTH + RLC_PAYLOAD_MAX);
	for (unsigned i = 0; i < y->rows; i++) {
		const struct equation *e = y->equation[i];

		if (w->from[i] == 0)
			continue;
		rlc_add(sum, w->from[i], (struct view){ e->mem, e->len });
		len = e->len > len ? e->len : len;
	}
	end = RLC_LENGTH + (size_t)load_le16(sum);
	if (end > len)
		return false;
	for (size_t i = end; i < len; i++)
		rest |= sum[i];
	*payload = (struct view){ sum + RLC_LENGTH, end - RLC_LENGTH };
	return rest == 0;
}

/* In the order of their numbers. */
static void note_rebuilt(struct rlc_in *r, uint32_t number)
{
	unsigned i = r->rebuilt_count++;

	for (; i > 0 && (int32_t)(number - r->rebuilt[i - 1]) < 0; i--)
		r->rebuilt[i] = r->rebuilt[i - 1];
	r->rebuilt[i] = number;
}

/* All that is determined, kept before the equations are touched; false when a part is not sound: then nothing
 * of them is to be believed. */
static bool take(struct rlc_in *r, const struct system *y)
{
	uint8_t sum[RLC_LENGTH + RLC_PAYLOAD_MAX];
	struct view payload;
	uint32_t number = 0;

	for (unsigned i = 0; i < y->rows; i++) {
		if (!alone(y, &y->row[i], &number))
			continue;
		if (!evaluate(y, &y->row[i], sum, &payload))
			return false;
		if (keep(r, number, payload))
			note_rebuilt(r, number);
	}
	return true;
}

static void solve(struct rlc_in *r)
{
	struct system y = { .unknowns = 0 };

	for (unsigned i = 0; i < RLC_SYMBOLS; i++)
		if (r->equations[i].missing != 0)
			add_equation(&y, &r->equations[i]);
	if (y.rows == 0)
		return;
	eliminate(&y);
	if (!take(r, &y)) {
		r->stats.errors++;
		drop_equations(r);
		return;
	}
	r->stats.repaired += r->rebuilt_count;
	for (unsigned i = 0; i < r->rebuilt_count; i++) {
		const struct kept *k = find(r, r->rebuilt[i]);

		if (k != NULL)
			reduce_all(r, k->number, (struct view){ k->mem, k->len });
	}
}

/* ---- input ------------------------------------------------------------------------ */

static void drop_rebuilt(struct rlc_in *r)
{
	r->rebuilt_count = 0;
	r->rebuilt_next = 0;
}

void rlc_in_data(struct rlc_in *r, uint32_t number, struct view payload)
{
	drop_rebuilt(r);
	if (payload.n > RLC_PAYLOAD_MAX || !keep(r, number, payload))
		return;
	if (reduce_all(r, number, payload))
		solve(r);
}

/* One equation, in the place of the oldest. */
static void add_sum(struct rlc_in *r, struct view symbols, uint8_t seed, struct view sum)
{
	struct equation *e = &r->equations[r->next];
	uint8_t *mem = mem_new(r, sum);

	if (mem == NULL)
		return;
	r->next = (r->next + 1) % RLC_SYMBOLS;
	equation_drop(r, e);
	*e = (struct equation){
		.first = load_le32(symbols.p + 8),
		.missing = load_le16(symbols.p + 6),
		.seed = seed,
		.len = sum.n,
		.mem = mem,
	};
	for (uint32_t i = 0; i < RLC_WINDOW && e->missing != 0; i++) {
		const struct kept *k = find(r, e->first + i);

		if (k != NULL)
			reduce(r, e, k->number, (struct view){ k->mem, k->len });
	}
}

void rlc_in_symbols(struct rlc_in *r, struct view symbols)
{
	unsigned count = symbols.p[17];
	struct view sum = { symbols.p + RLC_HEADER, (symbols.n - RLC_HEADER) / count };

	drop_rebuilt(r);
	r->stats.symbols += count;
	if (sum.n > RLC_LENGTH + RLC_PAYLOAD_MAX) {
		r->stats.errors++;
		return;
	}
	for (unsigned k = 0; k < count; k++, sum.p += sum.n)
		add_sum(r, symbols, (uint8_t)(symbols.p[16] + k), sum);
	solve(r);
}

bool rlc_in_next(struct rlc_in *r, uint32_t *number, struct view *payload)
{
	while (r->rebuilt_next < r->rebuilt_count) {
		const struct kept *k = find(r, r->rebuilt[r->rebuilt_next++]);

		if (k == NULL) /* one of far behind has its place */
			continue;
		*number = k->number;
		*payload = (struct view){ k->mem, k->len };
		return true;
	}
	return false;
}

/* ---- looking ----------------------------------------------------------------------- */

const struct rlc_in_stats *rlc_in_stats(const struct rlc_in *r)
{
	return &r->stats;
}

size_t rlc_in_memory(const struct rlc_in *r)
{
	return sizeof(*r) + r->bytes;
}

void rlc_in_verify(const struct rlc_in *r)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < RLC_KEPT; i++) {
		const struct kept *k = &r->kept[i];

		if (k->mem == NULL)
			continue;
		assert(k->len <= RLC_PAYLOAD_MAX && (k->number & (RLC_KEPT - 1)) == i);
		bytes += k->len;
	}
	for (unsigned i = 0; i < RLC_SYMBOLS; i++) {
		const struct equation *e = &r->equations[i];

		assert((e->missing == 0) == (e->mem == NULL));
		assert(e->missing == 0 ||
		       (e->len >= RLC_LENGTH && e->len <= RLC_LENGTH + RLC_PAYLOAD_MAX));
		bytes += e->len;
	}
	assert(bytes == r->bytes);
	assert(r->rebuilt_next <= r->rebuilt_count && r->rebuilt_count <= UNKNOWNS);
}
