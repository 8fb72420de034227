/* half_open.c - a server's links whose peers have not acknowledged anything yet. */
#include "half_open.h"

#include "link.h"

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

void half_open_add(struct half_open *h, struct link *l)
{
	l->half_open = true;
	append(h, l);
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
	h->count--;
}
