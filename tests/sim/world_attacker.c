/* world_attacker.c - somebody who hears everything, and repeats it whenever and wherever he likes.
 *
 * He has no key: he can make nothing, and open nothing.  What was for the server he sends to the server, what was
 * for the client to the client.  Two of the addresses that he sends from are those of a victim: it answers
 * nothing, so at most three times the bytes that came from there may go there. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "world_impl.h"

enum {
	RECORDS_MAX = 512,
	RECORDS_KEPT = 64, /* of which the first stay */
	TRAIN_MAX = 6,
	VICTIM_TIMES = 3,
};

struct record {
	struct net_label label;
	unsigned side; /* that it left */
	size_t len;
	uint8_t data[PACKET_MTU_MAX];
};

struct attacker {
	struct rng rng;
	uint64_t next_us;
	unsigned record_count;
	struct record records[RECORDS_MAX];
	uint64_t in[ATTACKER_ADDRESSES], out[ATTACKER_ADDRESSES]; /* bytes, as the server sees it */
};

void world_attacker_start(struct world *w)
{
	struct attacker *a;

	if (!w->p->attack.on)
		return;
	a = calloc(1, sizeof(*a));
	assert(a != NULL);
	a->rng.s = w->seed ^ 0x5eed;
	a->next_us = w->start_us + w->p->attack.from_us;
	w->attacker = a;
}

void world_attacker_stop(struct world *w)
{
	free(w->attacker);
	w->attacker = NULL;
}

/* ---- what he hears ------------------------------------------------------------------- */

/* Which of the victim's addresses, or -1. */
static int victim(uint32_t address)
{
	return address >> 16 == ATTACKER_HOST ? (int)(address & 0xffff) : -1;
}

static void check_victim(struct world *w, const struct attacker *a, int i)
{
	if (a->out[i] > VICTIM_TIMES * a->in[i])
		world_fail(w, "a victim was sent %llu bytes for %llu that seemed to come from it",
			   (unsigned long long)a->out[i], (unsigned long long)a->in[i]);
}

void world_attacker_hear(struct world *w, unsigned side, struct net_label label,
			 const uint8_t *data, size_t len)
{
	struct attacker *a = w->attacker;
	unsigned i = a->record_count;
	int to = victim(label.to);

	if (to >= 0) {
		a->out[to] += len;
		check_victim(w, a, to);
	}
	if (i < RECORDS_MAX)
		a->record_count++;
	else
		i = (unsigned)rng_range(&a->rng, RECORDS_KEPT, RECORDS_MAX - 1);
	assert(len <= sizeof(a->records[i].data));
	a->records[i] = (struct record){ .label = label, .side = side, .len = len };
	memcpy(a->records[i].data, data, len);
}

void world_attacker_reached(struct world *w, struct net_label label, size_t len)
{
	int from = victim(label.from);

	if (from >= 0)
		w->attacker->in[from] += len;
}

/* ---- what he does -------------------------------------------------------------------- */

static uint32_t an_address_of_the_client(struct world *w)
{
	return w->client.legs[rng_below(&w->attacker->rng, w->p->session_count)]->address;
}

static void repeat(struct world *w, const struct record *r, uint64_t at_us)
{
	struct attacker *a = w->attacker;
	struct net_label label = r->label;
	unsigned where = rng_below(&a->rng, 3);

	label.replayed = true;
	if (r->side == 0 && where == 0 && !w->p->attack.opens)
		label.from = an_address_of_the_client(w);
	else if (r->side == 0 && (where == 1 || w->p->attack.opens))
		label.from = ATTACKER_HOST << 16 | rng_below(&a->rng, ATTACKER_ADDRESSES);
	net_inject(w->net[r->side], at_us, label, r->data, r->len);
	w->r->replays++;
}

static void repeat_train(struct world *w)
{
	struct attacker *a = w->attacker;
	unsigned from = rng_below(&a->rng, a->record_count), n = rng_range(&a->rng, 1, TRAIN_MAX);

	/* How it began is what he likes best. */
	if (rng_chance(&a->rng, 0.3))
		from = rng_below(&a->rng,
				 a->record_count < RECORDS_KEPT ? a->record_count : RECORDS_KEPT);
	for (unsigned i = from; i < from + n && i < a->record_count; i++)
		repeat(w, &a->records[i], w->now_us + rng_below(&a->rng, 5000));
}

void world_attacker_turn(struct world *w)
{
	struct attacker *a = w->attacker;

	if (a == NULL || w->now_us < a->next_us)
		return;
	if (a->record_count > 0)
		repeat_train(w);
	a->next_us = w->now_us + rng_range(&a->rng, 1, w->p->attack.gap_us);
	if (a->next_us >= w->start_us + w->p->attack.until_us)
		a->next_us = KT_NEVER;
}

uint64_t world_attacker_deadline(const struct world *w)
{
	return w->attacker != NULL ? w->attacker->next_us : KT_NEVER;
}
