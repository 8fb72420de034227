/* pmtu.c - the search for the longest datagrams that pass, and the doubt about them. */
#include "pmtu.h"

#include <string.h>

enum {
	TRIES = 3,                  /* of one length, at little loss */
	TRIES_MAX = 8,              /* and at much */
	TRIES_PER_LOSS_PPM = 80000, /* one more for so much */
	DOUBT_LONGS = 2,
	SHORT_ROUNDS = 2, /* before what is sounded beside the long one is as short as any */
	DARK_TRIES = 4,   /* without an answer to anything, from a peer that is there */
};
#define WAIT_MAX_US (UINT64_C(2) * 1000000)
#define REST_US (UINT64_C(1) * 1000000) /* from one doubt to the next */
#define NEVER UINT64_MAX

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static uint64_t max_us(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void pmtu_init(struct pmtu *p, size_t most, size_t known)
{
	*p = (struct pmtu){ .base = min_size(PMTU_BASE, most), .most = most, .fails = most + 1 };
	p->size = p->base;
	if (known >= p->base)
		p->size = min_size(known, most);
}

size_t pmtu_short(const struct pmtu *p)
{
	return min_size(p->size > p->base ? p->base : PMTU_LEAST, p->size);
}

size_t pmtu_least(const struct pmtu *p)
{
	return min_size(PMTU_LEAST, p->size);
}

static bool more_is_possible(const struct pmtu *p)
{
	return p->size + PMTU_STEP <= p->most && p->size + PMTU_STEP < p->fails;
}

static size_t candidate(const struct pmtu *p)
{
	if (p->first != 0)
		return p->first;
	return p->fails > p->most ? p->most : (p->size + p->fails) / 2;
}

static unsigned tries(const struct pmtu_seen *seen)
{
	unsigned n = TRIES + seen->loss_ppm / TRIES_PER_LOSS_PPM;

	return n < TRIES_MAX ? n : TRIES_MAX;
}

/* The time for an answer is over, */
static bool expired(const struct pmtu *p, const struct pmtu_seen *seen)
{
	return seen->now_us >= p->sounded_us + p->wait_us;
}

/* and the peer was there. */
static bool unanswered(const struct pmtu *p, const struct pmtu_seen *seen)
{
	return expired(p, seen) && seen->heard_us > p->sounded_us;
}

static void sound(struct pmtu *p, const struct pmtu_seen *seen, struct pmtu_order *order,
		  size_t bytes, bool longer)
{
	uint64_t wait = longer ? 2 * p->wait_us : seen->wait_us;

	p->sounded = bytes;
	p->sounded_us = seen->now_us;
	p->wait_us = wait < WAIT_MAX_US ? wait : WAIT_MAX_US;
	order->sound = bytes;
	order->times = p->state == PMTU_DOUBT ? PMTU_TIMES : 1;
	if (p->state == PMTU_DOUBT)
		order->sound_short = p->sounded_short = p->rounds++ < SHORT_ROUNDS ? pmtu_short(p)
										   : pmtu_least(p);
	else if (p->quiet)
		order->sound_short = p->size;
}

/* ---- SEARCH ------------------------------------------------------------------------ */

static void settle(struct pmtu *p, uint64_t now_us)
{
	p->state = PMTU_SETTLED;
	p->settled_us = now_us;
}

static void search(struct pmtu *p)
{
	p->state = PMTU_SEARCH;
	p->quiet = false;
	p->sounded = 0;
	p->unanswered = 0;
}

static void conclude(struct pmtu *p, const struct pmtu_seen *seen)
{
	if (seen->answered)
		p->size = p->sounded;
	else if (++p->unanswered >= tries(seen))
		p->fails = p->sounded;
	else
		return; /* once more */
	p->unanswered = 0;
	p->first = 0;
}

static bool search_on(struct pmtu *p, const struct pmtu_seen *seen, struct pmtu_order *order)
{
	size_t before = p->size;

	if (p->sounded != 0) {
		if (!seen->answered && !unanswered(p, seen)) {
			if (!expired(p, seen))
				return false;
			p->quiet = true; /* nobody is there, or has anything to say: that tells nothing */
			sound(p, seen, order, p->sounded, true);
			return false;
		}
		conclude(p, seen);
		p->sounded = 0;
	}
	if (more_is_possible(p))
		sound(p, seen, order, candidate(p), false);
	else
		settle(p, seen->now_us);
	return p->size != before;
}

/* ---- DOUBT ------------------------------------------------------------------------- */

static void doubt(struct pmtu *p, const struct pmtu_seen *seen, struct pmtu_order *order)
{
	p->state = PMTU_DOUBT;
	p->dark = p->rounds = 0;
	sound(p, seen, order, p->size, false);
}

/* Longer than `passes` nothing came through; the verdict is examined, because loss may have been behind it. */
static void shrink(struct pmtu *p, size_t passes, const struct pmtu_seen *seen,
		   struct pmtu_order *order)
{
	p->first = p->size;
	p->fails = p->most + 1;
	p->size = passes;
	search(p);
	search_on(p, seen, order);
}

static bool doubt_on(struct pmtu *p, const struct pmtu_seen *seen, struct pmtu_order *order)
{
	if (seen->answered || seen->longs == 0) {
		p->sounded = 0;
		p->rest_us = seen->now_us + REST_US;
		if (more_is_possible(p))
			search(p);
		else
			settle(p, seen->now_us);
		return false;
	}
	if (!expired(p, seen))
		return false;
	if (seen->short_answered) {
		shrink(p, p->sounded_short, seen, order);
		return true;
	}
	p->dark += unanswered(p, seen);
	if (p->dark >= DARK_TRIES) {
		shrink(p, PMTU_LEAST, seen, order);
		return true;
	}
	sound(p, seen, order, p->size, seen->heard_us <= p->sounded_us);
	return false;
}

/* ---- all of it ---------------------------------------------------------------------- */

static uint64_t doubt_at(const struct pmtu *p, const struct pmtu_seen *seen)
{
	if (p->state == PMTU_DOUBT || seen->longs < DOUBT_LONGS || p->size <= PMTU_LEAST)
		return NEVER;
	return max_us(seen->longs_us + seen->wait_us + seen->wait_us / 4, p->rest_us);
}

/* Long ones, of late or long ago: more may be possible than was then. */
static void begin(struct pmtu *p, uint64_t now_us)
{
	if (p->state == PMTU_SETTLED) {
		if (p->size + PMTU_STEP > p->most || now_us - p->settled_us < PMTU_RAISE_US)
			return;
		p->fails = p->most + 1;
	}
	if (p->state != PMTU_SEARCH)
		search(p);
}

bool pmtu_look(struct pmtu *p, const struct pmtu_seen *seen, struct pmtu_order *order)
{
	memset(order, 0, sizeof(*order));
	if (p->state == PMTU_DOUBT)
		return doubt_on(p, seen, order);
	if (seen->now_us >= doubt_at(p, seen)) {
		doubt(p, seen, order);
		return false;
	}
	if (seen->wanted)
		begin(p, seen->now_us);
	return p->state == PMTU_SEARCH && search_on(p, seen, order);
}

uint64_t pmtu_deadline(const struct pmtu *p, const struct pmtu_seen *seen)
{
	uint64_t at = p->sounded != 0 ? p->sounded_us + p->wait_us : NEVER, doubt = doubt_at(p, seen);

	return at < doubt ? at : doubt;
}
