/* link_table.c - the links of a server: by address, and by conversation. */
#include "link_table.h"

#include <stdlib.h>

#include "link.h"

enum { SIZE_MIN = 64 };

static uint64_t hash_conv(uint32_t conv, uint64_t seed)
{
	uint64_t h = (conv ^ seed) * UINT64_C(0x9e3779b97f4a7c15);

	return h ^ h >> 32;
}

static struct link **peer_bucket(const struct link_table *t, const struct udp_path *path)
{
	return &t->by_peer[udp_path_hash(path, t->seed) & (t->size - 1)];
}

static struct link **conv_bucket(const struct link_table *t, uint32_t conv)
{
	return &t->by_conv[hash_conv(conv, t->seed) & (t->size - 1)];
}

bool link_table_init(struct link_table *t, uint64_t seed)
{
	*t = (struct link_table){ .size = SIZE_MIN, .seed = seed };
	t->by_peer = calloc(t->size, sizeof(struct link *));
	t->by_conv = calloc(t->size, sizeof(struct link *));
	return t->by_peer != NULL && t->by_conv != NULL;
}

void link_table_dispose(struct link_table *t)
{
	free(t->by_peer);
	free(t->by_conv);
}

static void chain(struct link_table *t, struct link *l)
{
	struct link **head = peer_bucket(t, &l->path);

	l->peer_next = *head;
	if (l->peer_next != NULL)
		l->peer_next->peer_at = &l->peer_next;
	l->peer_at = head;
	*head = l;
	head = conv_bucket(t, l->conv);
	l->conv_next = *head;
	if (l->conv_next != NULL)
		l->conv_next->conv_at = &l->conv_next;
	l->conv_at = head;
	*head = l;
}

/* Twice the buckets; when there is no memory the chains just get longer. */
static void grow(struct link_table *t)
{
	struct link_table old = *t;

	t->by_peer = calloc(2 * old.size, sizeof(struct link *));
	t->by_conv = calloc(2 * old.size, sizeof(struct link *));
	if (t->by_peer == NULL || t->by_conv == NULL) {
		link_table_dispose(t);
		*t = old;
		return;
	}
	t->size = 2 * old.size;
	for (size_t i = 0; i < old.size; i++) {
		struct link *next;

		for (struct link *l = old.by_conv[i]; l != NULL; l = next) {
			next = l->conv_next;
			chain(t, l);
		}
	}
	link_table_dispose(&old);
}

void link_table_add(struct link_table *t, struct link *l)
{
	if (t->count >= t->size)
		grow(t);
	chain(t, l);
	t->count++;
}

void link_table_remove(struct link_table *t, struct link *l)
{
	if (l->peer_at == NULL)
		return;
	*l->peer_at = l->peer_next;
	if (l->peer_next != NULL)
		l->peer_next->peer_at = l->peer_at;
	*l->conv_at = l->conv_next;
	if (l->conv_next != NULL)
		l->conv_next->conv_at = l->conv_at;
	l->peer_at = l->conv_at = NULL;
	t->count--;
}

static bool is_at(const struct link *l, const struct port *p, const struct udp_path *path)
{
	return l->port == p && udp_path_same_peer(&l->path, path);
}

/* Of one conversation there are few, whereas any number may be behind one address. */
struct link *link_table_at(const struct link_table *t, const struct port *p,
			   const struct udp_path *path, uint32_t conv)
{
	struct link *l = NULL;

	while ((l = link_table_next(t, l, conv)) != NULL && !is_at(l, p, path))
		;
	return l;
}

bool link_table_knows(const struct link_table *t, const struct port *p, const struct udp_path *path)
{
	const struct link *l = *peer_bucket(t, path);

	while (l != NULL && !is_at(l, p, path))
		l = l->peer_next;
	return l != NULL;
}

struct link *link_table_latest(const struct link_table *t, const struct port *p,
			       const struct udp_path *path)
{
	struct link *latest = NULL;

	for (struct link *l = *peer_bucket(t, path); l != NULL; l = l->peer_next)
		if (is_at(l, p, path) && (latest == NULL || l->heard_us > latest->heard_us))
			latest = l;
	return latest;
}

struct link *link_table_next(const struct link_table *t, const struct link *after, uint32_t conv)
{
	struct link *l = after != NULL ? after->conv_next : *conv_bucket(t, conv);

	while (l != NULL && l->conv != conv)
		l = l->conv_next;
	return l;
}
