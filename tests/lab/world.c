/* world.c - the clock of a laboratory. */
#include "world.h"

#include <assert.h>
#include <string.h>

/* Not 0, so that no time in it looks like "never set". */
enum { BIRTH_US = 10 * 1000 * 1000 };
/* More turns at one instant than any sound party takes. */
enum { TURNS_MAX = 1 << 20 };

void world_init(struct world *w, const struct link_params params[2], uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->now_us = BIRTH_US;
	for (unsigned way = 0; way < 2; way++)
		w->link[way] = link_new(&params[way], 2 * seed + way + 0x1000);
}

void world_dispose(struct world *w)
{
	for (unsigned way = 0; way < 2; way++)
		link_free(w->link[way]);
}

uint32_t world_join(struct world *w, const struct party *p)
{
	assert(w->party_count < WORLD_PARTIES_MAX);
	w->party[w->party_count] = *p;
	return w->party_count++;
}

static uint64_t party_deadline(const struct party *p)
{
	return p->deadline != NULL ? p->deadline(p->self) : UINT64_MAX;
}

static uint64_t next_time(const struct world *w)
{
	uint64_t at = UINT64_MAX;

	for (unsigned way = 0; way < 2; way++) {
		uint64_t due = link_deadline(w->link[way]);

		at = due < at ? due : at;
	}
	for (uint32_t i = 0; i < w->party_count; i++) {
		uint64_t due = party_deadline(&w->party[i]);

		at = due < at ? due : at;
	}
	return at > w->now_us ? at : w->now_us;
}

static void deliver(struct world *w, unsigned way)
{
	struct link_packet pkt;

	while (link_receive(w->link[way], w->now_us, &pkt)) {
		struct party *p = &w->party[pkt.owner];

		p->arrive(p->self, w->now_us, way, &pkt);
	}
}

static void step(struct world *w)
{
	for (unsigned way = 0; way < 2; way++)
		deliver(w, way);
	for (uint32_t i = 0; i < w->party_count; i++)
		if (party_deadline(&w->party[i]) <= w->now_us)
			w->party[i].run(w->party[i].self, w->now_us);
	w->steps++;
}

void world_run(struct world *w, uint64_t until_us)
{
	unsigned turns = 0;

	for (;;) {
		uint64_t next = next_time(w);

		if (next > until_us)
			break;
		turns = next == w->now_us ? turns + 1 : 0;
		assert(turns < TURNS_MAX);
		w->now_us = next;
		step(w);
	}
	w->now_us = until_us;
}
