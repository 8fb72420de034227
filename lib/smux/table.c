/* table.c - a session's streams by id.
 *
 * A digital search tree: a node holds a stream, and at depth d the d-th bit of
 * the id says which child to follow.  The depth is at most 32 whatever ids the peer
 * picks - with a hash table it could pick ones that collide - and nothing is allocated or
 * rehashed as the table grows.  Consecutive ids make the tree balanced. */
#include <assert.h>

#include "smux_impl.h"

/* Bits in the order in which they are tested: all ids of one side are odd, or even,
 * so the lowest bit comes last. */
static uint32_t path_of(uint32_t sid)
{
	return sid >> 1 | sid << 31;
}

struct smux_stream *smux_table_find(const struct smux *m, uint32_t sid)
{
	struct smux_stream *st = m->root;

	for (uint32_t path = path_of(sid); st != NULL && st->sid != sid; path >>= 1)
		st = st->child[path & 1];
	return st;
}

/* The pointer to the node with this id, or the empty place where it belongs. */
static struct smux_stream **place_of(struct smux *m, uint32_t sid)
{
	struct smux_stream **place = &m->root;

	for (uint32_t path = path_of(sid); *place != NULL && (*place)->sid != sid; path >>= 1)
		place = &(*place)->child[path & 1];
	return place;
}

void smux_table_add(struct smux *m, struct smux_stream *st)
{
	struct smux_stream **place = place_of(m, st->sid);

	assert(*place == NULL);
	st->child[0] = st->child[1] = NULL;
	*place = st;
}

/* Any leaf below a node may take the node's place: it shares the bits that lead there. */
static struct smux_stream *cut_leaf(struct smux_stream *st)
{
	struct smux_stream **place = NULL, *leaf = st;

	while (leaf->child[0] != NULL || leaf->child[1] != NULL) {
		place = &leaf->child[leaf->child[0] != NULL ? 0 : 1];
		leaf = *place;
	}
	if (place == NULL)
		return NULL;
	*place = NULL;
	return leaf;
}

void smux_table_remove(struct smux *m, struct smux_stream *st)
{
	struct smux_stream **place = place_of(m, st->sid), *leaf;

	assert(*place == st);
	leaf = cut_leaf(st);
	if (leaf != NULL) {
		leaf->child[0] = st->child[0];
		leaf->child[1] = st->child[1];
	}
	*place = leaf;
}
