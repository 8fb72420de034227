/* way.c - one direction of the relay. */
#include "way.h"

#include <string.h>

/* Without a rate limit nothing else bounds what is under way, and a link asserts that it is less than
 * four times that. */
enum { UNDERWAY_MAX = 1 << 18, WAITS_MAX = 1 << 16 };

void way_init(struct way *w, const struct link_params *params, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->params = *params;
	w->link = link_new(params, seed);
}

void way_dispose(struct way *w)
{
	link_free(w->link);
}

void way_count(struct link_count *c, uint32_t wire)
{
	c->packets++;
	c->bytes += wire;
}

struct link_count way_underway(const struct way *w)
{
	const struct link_stats *s = link_stats(w->link);

	return (struct link_count){
		s->passed.packets + s->duplicated.packets - w->left.packets,
		s->passed.bytes + s->duplicated.bytes - w->left.bytes,
	};
}

void way_offer(struct way *w, uint64_t now_us, uint32_t owner, uint8_t *data, uint32_t len)
{
	struct link_packet pkt = { .owner = owner, .wire = len + LINK_HEADERS, .len = len, .data = data };

	if (len > LINK_DATA_MAX || way_underway(w).packets >= UNDERWAY_MAX) {
		way_count(&w->refused, pkt.wire);
		return;
	}
	link_send(w->link, now_us, &pkt);
	/* The link keeps the wait of each packet for the laboratory; nobody asks for them here. */
	if (link_waits(w->link)->count >= WAITS_MAX)
		samples_clear(link_waits(w->link));
}

bool way_take(struct way *w, uint64_t now_us, struct link_packet *pkt)
{
	uint64_t due = link_deadline(w->link), late;

	if (!link_receive(w->link, now_us, pkt))
		return false;
	late = now_us - due;
	w->late_us += late;
	w->late_max_us = late > w->late_max_us ? late : w->late_max_us;
	way_count(&w->left, pkt->wire);
	return true;
}
