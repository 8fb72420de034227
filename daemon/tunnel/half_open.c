/* half_open.c - a server's links whose peers have not acknowledged anything yet. */
#include "half_open.h"

#include <assert.h>
#include <string.h>

#include "link.h"

static_assert(HALF_OPEN_LEVELS <= 64, "a bit for each");

/* IPv4 is IPv4, in whatever socket. */
static uint16_t origin_of(const struct half_open *h, const struct udp_path *path)
{
	struct udp_path from = { .peer = path->peer, .peer_len = path->peer_len };

	if (from.peer.sa.sa_family == AF_INET6) {
		from.peer.v6.sin6_port = 0;
		from.peer.v6.sin6_flowinfo = 0;
		if (!IN6_IS_ADDR_V4MAPPED(&from.peer.v6.sin6_addr))
			memset(from.peer.v6.sin6_addr.s6_addr + 8, 0, 8);
	} else {
		from.peer.v4.sin_port = 0;
	}
	return udp_path_hash(&from, h->seed) % HALF_OPEN_ORIGINS;
}

/* ---- the links of an origin ------------------------------------------------------------- */

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

/* ---- the origins of a level -------------------------------------------------------------- */

static unsigned level_of(const struct half_open_origin *o)
{
	return (o->count < HALF_OPEN_LEVELS ? o->count : HALF_OPEN_LEVELS) - 1;
}

static void join_level(struct half_open *h, struct half_open_origin *o)
{
	struct half_open_level *level;

	if (o->count == 0)
		return;
	level = &h->levels[level_of(o)];
	h->used |= UINT64_C(1) << level_of(o);
	o->prev = level->last;
	o->next = NULL;
	if (level->last != NULL)
		level->last->next = o;
	else
		level->first = o;
	level->last = o;
}

static void leave_level(struct half_open *h, struct half_open_origin *o)
{
	struct half_open_level *level;

	if (o->count == 0)
		return;
	level = &h->levels[level_of(o)];
	if (o->prev != NULL)
		o->prev->next = o->next;
	else
		level->first = o->next;
	if (o->next != NULL)
		o->next->prev = o->prev;
	else
		level->last = o->prev;
	if (level->first == NULL)
		h->used &= ~(UINT64_C(1) << level_of(o));
}

/* ---- all of them --------------------------------------------------------------------------- */

void half_open_init(struct half_open *h, uint64_t seed)
{
	h->seed = seed;
}

struct link *half_open_yields(const struct half_open *h)
{
	return h->used != 0 ? h->levels[63 - __builtin_clzll(h->used)].first->first : NULL;
}

void half_open_add(struct half_open *h, struct link *l)
{
	struct half_open_origin *o;

	l->half_open = true;
	l->half_origin = origin_of(h, &l->path);
	o = &h->origins[l->half_origin];
	leave_level(h, o);
	append(o, l);
	o->count++;
	join_level(h, o);
	h->count++;
}

void half_open_heard(struct half_open *h, struct link *l)
{
	struct half_open_origin *o = &h->origins[l->half_origin];

	if (!l->half_open)
		return;
	take_out(o, l);
	append(o, l);
	leave_level(h, o);
	join_level(h, o);
}

void half_open_remove(struct half_open *h, struct link *l)
{
	struct half_open_origin *o = &h->origins[l->half_origin];

	if (!l->half_open)
		return;
	l->half_open = false;
	leave_level(h, o);
	take_out(o, l);
	o->count--;
	join_level(h, o);
	h->count--;
}
