/* half_open.c - a server's links whose peers have not acknowledged anything yet. */
#include "half_open.h"

#include <string.h>

#include "link.h"

enum { LOOKS = 64 };

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

static void append(struct half_open *h, struct link *l)
{
	l->half_prev = h->last;
	l->half_next = NULL;
	if (h->last != NULL)
		h->last->half_next = l;
	else
		h->first = l;
	h->last = l;
}

static void take_out(struct half_open *h, struct link *l)
{
	if (l->half_prev != NULL)
		l->half_prev->half_next = l->half_next;
	else
		h->first = l->half_next;
	if (l->half_next != NULL)
		l->half_next->half_prev = l->half_prev;
	else
		h->last = l->half_prev;
}

void half_open_init(struct half_open *h, uint64_t seed)
{
	h->seed = seed;
}

struct link *half_open_yields(const struct half_open *h)
{
	struct link *most = h->first, *l = h->first;

	for (int i = 0; i < LOOKS && l != NULL; i++, l = l->half_next)
		if (h->origins[l->half_origin] > h->origins[most->half_origin])
			most = l;
	return most;
}

void half_open_add(struct half_open *h, struct link *l)
{
	l->half_open = true;
	l->half_origin = origin(h, &l->path);
	append(h, l);
	h->origins[l->half_origin]++;
	h->count++;
}

void half_open_heard(struct half_open *h, struct link *l)
{
	if (!l->half_open || h->last == l)
		return;
	take_out(h, l);
	append(h, l);
}

void half_open_remove(struct half_open *h, struct link *l)
{
	if (!l->half_open)
		return;
	l->half_open = false;
	take_out(h, l);
	h->origins[l->half_origin]--;
	h->count--;
}
