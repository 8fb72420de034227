/* half_open.c - a server's links whose peers have not acknowledged anything yet. */
#include "half_open.h"

#include <string.h>

#include "link.h"

static uint16_t origin(const struct half_open *h, const struct udp_path *path)
{
	struct udp_path from = { .peer = path->peer, .peer_len = path->peer_len };

	if (from.peer.sa.sa_family == AF_INET6) {
		from.peer.v6.sin6_port = 0;
		from.peer.v6.sin6_flowinfo = 0;
		memset(from.peer.v6.sin6_addr.s6_addr + 8, 0, 8);
	} else {
		from.peer.v4.sin_port = 0;
	}
	return udp_path_hash(&from, h->seed) % HALF_OPEN_ORIGINS;
}

static void append(struct half_open_origin *o, struct link *l)
{
	l->half_prev = o->last;
	l->half_next = NULL;
	if (o->last != NULL)
		o->last->half_next = l;
	else
		o->first = l;
	o->last = l;
}

static void take_out(struct half_open_origin *o, struct link *l)
{
	if (l->half_prev != NULL)
		l->half_prev->half_next = l->half_next;
	else
		o->first = l->half_next;
	if (l->half_next != NULL)
		l->half_next->half_prev = l->half_prev;
	else
		o->last = l->half_prev;
}

void half_open_init(struct half_open *h, uint64_t seed)
{
	h->seed = seed;
}

/* From there on round, so that of many that are equal none is always the first. */
static void find_fullest(struct half_open *h)
{
	unsigned from = h->fullest;

	for (unsigned i = 1; i < HALF_OPEN_ORIGINS; i++) {
		unsigned at = (from + i) % HALF_OPEN_ORIGINS;

		if (h->origins[at].count > h->origins[h->fullest].count)
			h->fullest = at;
	}
}

/* One that has become fuller than the fullest is noticed when it grows, so what is to be looked for is only who follows it
 * when it has emptied. */
struct link *half_open_yields(struct half_open *h)
{
	if (h->origins[h->fullest].count <= 1)
		find_fullest(h);
	return h->origins[h->fullest].first;
}

void half_open_add(struct half_open *h, struct link *l)
{
	struct half_open_origin *o;

	l->half_open = true;
	l->half_origin = origin(h, &l->path);
	o = &h->origins[l->half_origin];
	append(o, l);
	o->count++;
	h->count++;
	if (o->count > h->origins[h->fullest].count)
		h->fullest = l->half_origin;
}

void half_open_heard(struct half_open *h, struct link *l)
{
	struct half_open_origin *o = &h->origins[l->half_origin];

	if (!l->half_open || o->last == l)
		return;
	take_out(o, l);
	append(o, l);
}

void half_open_remove(struct half_open *h, struct link *l)
{
	struct half_open_origin *o = &h->origins[l->half_origin];

	if (!l->half_open)
		return;
	l->half_open = false;
	take_out(o, l);
	o->count--;
	h->count--;
}
