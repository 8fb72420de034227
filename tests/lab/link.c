/* link.c - one direction of a link on virtual time. */
#include "link.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"

enum { PARCELS_MAX = 1 << 20 };

/* A packet under way. */
struct parcel {
	struct parcel *next; /* of the free ones */
	struct link_packet pkt;
	uint8_t data[LINK_DATA_MAX];
};

struct due {
	uint64_t at_ns, order;
	struct parcel *parcel;
};

/* Times are in nanoseconds here: at 600 Mbit/s a packet lasts 18 us. */
struct link {
	struct link_params p;
	uint64_t delay_ns, jitter_ns, reorder_by_ns;
	double queue_bytes; /* 0: by time */
	struct rng loss, jitter, reorder, dup;
	bool started, in_bad;
	uint64_t started_ns;
	double tokens;        /* bytes in the policer's bucket ... */
	uint64_t tokens_ns;   /* ... at this time */
	uint64_t free_ns;     /* when the rate limiter is idle next */
	uint64_t last_due_ns; /* keeps the order under jitter */
	struct due *heap;     /* by arrival */
	size_t count, cap;
	uint64_t order;
	size_t parcels;
	struct parcel *free, *taken;
	struct link_stats stats;
	struct samples waits;
};

static uint64_t ms_to_ns(double ms)
{
	return (uint64_t)(ms * 1e6);
}

static bool varies(const struct link_params *p)
{
	return p->wave_s > 0;
}

static double full_rate(const struct link_params *p)
{
	return varies(p) ? (p->wave_low + p->wave_high) / 2 : p->rate;
}

/* A run ends with each of its packets alike, and begins as often as makes the loss right. */
static void lose_in_runs(struct link_params *p)
{
	if (p->run <= 0 || p->loss <= 0 || p->loss >= 100)
		return;
	p->burst_leave = 100 / p->run;
	p->burst_enter = p->burst_leave * p->loss / (100 - p->loss);
	p->burst_bad = 100;
	p->burst_good = 0;
}

struct link *link_new(const struct link_params *p, uint64_t seed)
{
	struct link *l = calloc(1, sizeof(*l));

	assert(l != NULL);
	l->p = *p;
	lose_in_runs(&l->p);
	if (p->queue <= 0 && p->queue_kb <= 0)
		l->p.queue = 100;
	l->delay_ns = ms_to_ns(p->delay);
	l->jitter_ns = ms_to_ns(p->jitter);
	l->reorder_by_ns = ms_to_ns(p->reorder_by);
	l->queue_bytes = p->queue_kb * 1000;
	if (varies(p) && l->p.queue > 0) {
		l->queue_bytes = l->p.queue * full_rate(p) * 125;
		l->p.queue = 0;
	}
	l->tokens = p->police_kb * 1000;
	l->loss.s = seed;
	l->jitter.s = seed ^ 0x6a09e667f3bcc908u;
	l->reorder.s = seed ^ 0xbb67ae8584caa73bu;
	l->dup.s = seed ^ 0x3c6ef372fe94f82bu;
	return l;
}

void link_free(struct link *l)
{
	struct parcel *next;

	if (l == NULL)
		return;
	for (size_t i = 0; i < l->count; i++)
		free(l->heap[i].parcel);
	for (struct parcel *p = l->free; p != NULL; p = next) {
		next = p->next;
		free(p);
	}
	free(l->taken);
	free(l->heap);
	samples_clear(&l->waits);
	free(l);
}

void link_start(struct link *l, uint64_t now_us)
{
	l->started = true;
	l->started_ns = now_us * 1000;
	memset(&l->stats, 0, sizeof(l->stats));
	samples_clear(&l->waits);
}

/* ---- the packets under way ------------------------------------------------------------ */

static struct parcel *parcel_get(struct link *l)
{
	struct parcel *p = l->free;

	if (p != NULL) {
		l->free = p->next;
		return p;
	}
	assert(l->parcels++ < PARCELS_MAX);
	p = malloc(sizeof(*p));
	assert(p != NULL);
	return p;
}

static void parcel_put(struct link *l, struct parcel *p)
{
	p->next = l->free;
	l->free = p;
}

static bool earlier(const struct due *a, const struct due *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void push(struct link *l, uint64_t at_ns, const struct link_packet *pkt)
{
	struct due d = { at_ns, l->order++, parcel_get(l) };
	size_t i = l->count++;

	assert(pkt->len <= LINK_DATA_MAX);
	d.parcel->pkt = *pkt;
	d.parcel->pkt.data = d.parcel->data;
	if (pkt->len > 0)
		memcpy(d.parcel->data, pkt->data, pkt->len);
	if (l->count > l->cap) {
		l->cap = l->cap == 0 ? 1024 : 2 * l->cap;
		l->heap = realloc(l->heap, l->cap * sizeof(*l->heap));
		assert(l->heap != NULL);
	}
	while (i > 0 && earlier(&d, &l->heap[(i - 1) / 2])) {
		l->heap[i] = l->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	l->heap[i] = d;
}

static struct parcel *pop(struct link *l)
{
	struct parcel *first = l->heap[0].parcel;
	struct due last = l->heap[--l->count];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= l->count)
			break;
		if (child + 1 < l->count && earlier(&l->heap[child + 1], &l->heap[child]))
			child++;
		if (!earlier(&l->heap[child], &last))
			break;
		l->heap[i] = l->heap[child];
		i = child;
	}
	l->heap[i] = last;
	return first;
}

/* ---- the rate --------------------------------------------------------------------------- */

/* Seconds of the link's clock: it stands at 0 before the start. */
static double clock_s(const struct link *l, uint64_t ns)
{
	return l->started && ns > l->started_ns ? (double)(ns - l->started_ns) * 1e-9 : 0;
}

/* What a wave carries in the first t seconds, in Mbit. */
static double wave_mbit(const struct link_params *p, double t)
{
	double half = p->wave_s / 2, rounds = floor(t / p->wave_s);
	double rest = t - rounds * p->wave_s;
	double low = rest < half ? rest : half;

	return rounds * half * (p->wave_low + p->wave_high) + low * p->wave_low +
	       (rest - low) * p->wave_high;
}

/* When it has carried so much: the reverse. */
static double wave_time(const struct link_params *p, double mbit)
{
	double half = p->wave_s / 2, period = half * (p->wave_low + p->wave_high);
	double rounds = floor(mbit / period), rest = mbit - rounds * period;

	if (rest <= half * p->wave_low && p->wave_low > 0)
		return rounds * p->wave_s + rest / p->wave_low;
	return rounds * p->wave_s + half + (rest - half * p->wave_low) / p->wave_high;
}

/* Mbit/s where it is constant, or still is. */
static double steady_rate(const struct link *l)
{
	if (!varies(&l->p))
		return l->p.rate;
	return l->started ? 0 : l->p.wave_low > 0 ? l->p.wave_low : l->p.wave_high;
}

/* When the last bit of `bytes` has left that may start at from_ns. */
static uint64_t transmit(const struct link *l, uint64_t from_ns, uint32_t bytes)
{
	double steady = steady_rate(l), t, end;

	if (steady > 0)
		return from_ns + (uint64_t)(bytes * 8000.0 / steady);
	t = clock_s(l, from_ns);
	end = wave_time(&l->p, wave_mbit(&l->p, t) + bytes * 8e-6);
	return from_ns + (end > t ? (uint64_t)((end - t) * 1e9) : 0);
}

static double backlog_bytes(const struct link *l, uint64_t now_ns)
{
	double steady = steady_rate(l);

	if (l->free_ns <= now_ns)
		return 0;
	if (steady > 0)
		return (double)(l->free_ns - now_ns) * steady / 8000;
	return (wave_mbit(&l->p, clock_s(l, l->free_ns)) - wave_mbit(&l->p, clock_s(l, now_ns))) *
	       125e3;
}

double link_backlog_ms(const struct link *l, uint64_t now_us)
{
	return l->free_ns > now_us * 1000 ? (double)(l->free_ns - now_us * 1000) * 1e-6 : 0;
}

/* ---- what happens to a packet -------------------------------------------------------------- */

static bool is_down(const struct link *l, uint64_t ns)
{
	double t = clock_s(l, ns);

	for (int i = 0; l->started && i < LINK_OUTAGES_MAX; i++) {
		double start = l->p.outage[i].start_s;

		if (t >= start && t < start + l->p.outage[i].length_s)
			return true;
	}
	return false;
}

static bool is_too_long(const struct link *l, uint64_t ns, const struct link_packet *pkt)
{
	return l->p.mtu > 0 && pkt->wire > l->p.mtu && !pkt->cut && l->started &&
	       clock_s(l, ns) >= l->p.mtu_s;
}

static bool conforms(struct link *l, uint64_t now_ns, uint32_t bytes)
{
	if (l->p.police <= 0)
		return true;
	l->tokens += (double)(now_ns - l->tokens_ns) * l->p.police / 8000;
	l->tokens_ns = now_ns;
	l->tokens = fmin(l->tokens, l->p.police_kb * 1000);
	if (l->tokens < bytes)
		return false;
	l->tokens -= bytes;
	return true;
}

static bool queue_full(const struct link *l, uint64_t now_ns, uint32_t bytes)
{
	if (l->p.queue > 0 && l->free_ns > now_ns && l->free_ns - now_ns > ms_to_ns(l->p.queue))
		return true;
	return l->queue_bytes > 0 && backlog_bytes(l, now_ns) + bytes > l->queue_bytes;
}

static bool percent(struct rng *r, double p)
{
	return p > 0 && rng_chance(r, p / 100);
}

static bool is_lost(struct link *l)
{
	if (l->p.burst_enter <= 0)
		return percent(&l->loss, l->p.loss);
	if (percent(&l->loss, l->in_bad ? l->p.burst_leave : l->p.burst_enter))
		l->in_bad = !l->in_bad;
	return percent(&l->loss, l->in_bad ? l->p.burst_bad : l->p.burst_good);
}

static void count(struct link_count *c, uint32_t bytes)
{
	c->packets++;
	c->bytes += bytes;
}

/* When a packet arrives whose transmission ends at left_ns. */
static uint64_t arrival(struct link *l, uint64_t now_ns, uint64_t left_ns, uint32_t bytes)
{
	uint64_t at = left_ns + l->delay_ns;

	if (l->jitter_ns > 0) {
		double j = (2 * rng_unit(&l->jitter) - 1) * (double)l->jitter_ns;

		at = j < 0 && (uint64_t)-j > at - now_ns ? now_ns : at + (uint64_t)(int64_t)j;
	}
	if (percent(&l->reorder, l->p.reorder)) {
		count(&l->stats.reordered, bytes);
		return at + l->reorder_by_ns;
	}
	if (at < l->last_due_ns)
		at = l->last_due_ns;
	l->last_due_ns = at;
	return at;
}

static void pass(struct link *l, uint64_t now_ns, uint64_t begin_ns, uint64_t left_ns,
		 const struct link_packet *pkt)
{
	uint64_t at = arrival(l, now_ns, left_ns, pkt->wire);

	count(&l->stats.passed, pkt->wire);
	samples_add(&l->waits, (double)(begin_ns - now_ns) * 1e-6);
	push(l, at, pkt);
	if (percent(&l->dup, l->p.dup)) {
		count(&l->stats.duplicated, pkt->wire);
		push(l, at, pkt);
	}
}

void link_send(struct link *l, uint64_t now_us, const struct link_packet *pkt)
{
	uint64_t now = now_us * 1000, begin = now, left = now;

	count(&l->stats.offered, pkt->wire);
	if (is_down(l, now)) {
		count(&l->stats.outage_dropped, pkt->wire);
		return;
	}
	if (is_too_long(l, now, pkt)) {
		count(&l->stats.too_long, pkt->wire);
		return;
	}
	if (!conforms(l, now, pkt->wire)) {
		count(&l->stats.policed, pkt->wire);
		return;
	}
	if (full_rate(&l->p) > 0) {
		if (queue_full(l, now, pkt->wire)) {
			count(&l->stats.queue_dropped, pkt->wire);
			return;
		}
		begin = l->free_ns > now ? l->free_ns : now;
		left = l->free_ns = transmit(l, begin, pkt->wire);
	}
	if (is_down(l, left))
		count(&l->stats.outage_dropped, pkt->wire);
	else if (is_lost(l))
		count(&l->stats.lost, pkt->wire);
	else
		pass(l, now, begin, left, pkt);
}

uint64_t link_deadline(const struct link *l)
{
	return l->count > 0 ? (l->heap[0].at_ns + 999) / 1000 : UINT64_MAX;
}

bool link_receive(struct link *l, uint64_t now_us, struct link_packet *pkt)
{
	if (l->taken != NULL)
		parcel_put(l, l->taken);
	l->taken = NULL;
	if (link_deadline(l) > now_us)
		return false;
	l->taken = pop(l);
	*pkt = l->taken->pkt;
	return true;
}

const struct link_stats *link_stats(const struct link *l)
{
	return &l->stats;
}

uint64_t link_underway(const struct link *l, uint32_t owner)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < l->count; i++)
		if (l->heap[i].parcel->pkt.owner == owner)
			bytes += l->heap[i].parcel->pkt.wire;
	return bytes;
}

struct samples *link_waits(struct link *l)
{
	return &l->waits;
}

/* ---- what can be said of it beforehand -------------------------------------------------------- */

double link_mean_rate(const struct link_params *p, double seconds)
{
	double rate = varies(p) ? wave_mbit(p, seconds) / seconds : p->rate;

	if (p->police > 0 && (rate <= 0 || p->police < rate))
		rate = p->police;
	for (int i = 0; i < LINK_OUTAGES_MAX; i++) {
		double left = seconds - p->outage[i].start_s;

		if (left > 0)
			rate -= rate * fmin(p->outage[i].length_s, left) / seconds;
	}
	return rate;
}

double link_mean_loss(const struct link_params *p)
{
	double bad;

	if (p->burst_enter <= 0)
		return p->loss / 100;
	bad = p->burst_enter / (p->burst_enter + p->burst_leave);
	return (bad * p->burst_bad + (1 - bad) * p->burst_good) / 100;
}
