/* guess.c - in which way a client speaks to a server that it was not told of. */
#include "guess.h"

#include <string.h>

static bool same(const struct guess_way *a, const struct guess_way *b)
{
	return a->compression == b->compression && a->smux_version == b->smux_version;
}

static bool suits(const struct guess_way *way, const struct guess_way *given)
{
	return (given->compression == CODEC_UNKNOWN || given->compression == way->compression) &&
	       (given->smux_version == 0 || given->smux_version == way->smux_version);
}

static unsigned find(const struct guess *g, const struct guess_way *way)
{
	unsigned i = 0;

	while (i < g->count && !same(&g->ways[i], way))
		i++;
	return i < g->count ? i : GUESS_WAYS;
}

static void add(struct guess *g, enum codec_kind compression, int version)
{
	struct guess_way way = { compression, version };

	if (suits(&way, &g->given))
		g->ways[g->count++] = way;
}

/* With zstd the one that is given is the only one. */
static void add_versions(struct guess *g, enum codec_kind compression)
{
	add(g, compression, 2);
	add(g, compression, 1);
}

void guess_set(struct guess *g, const struct guess_way *given)
{
	struct guess_way knew = { CODEC_UNKNOWN, 0 };

	if (g->count > 0 && same(&g->given, given))
		return;
	if (g->count > 0 && g->known < GUESS_WAYS)
		knew = g->ways[g->known];
	memset(g, 0, sizeof(*g));
	g->given = *given;
	if (given->compression != CODEC_UNKNOWN) {
		add_versions(g, given->compression);
	} else {
		if (codec_built_in(CODEC_SNAPPY))
			add_versions(g, CODEC_SNAPPY);
		add_versions(g, CODEC_NONE);
	}
	g->known = find(g, &knew);
	g->at = g->known < GUESS_WAYS ? g->known : 0;
}

const struct guess_way *guess_way(const struct guess *g)
{
	return &g->ways[g->at];
}

bool guess_is_open(const struct guess *g, uint64_t now_us)
{
	return g->count > 1 && now_us >= g->rests_until_us;
}

bool guess_right(struct guess *g, const struct guess_way *way)
{
	unsigned i = find(g, way);
	bool news;

	if (i == GUESS_WAYS) /* the configuration is another one by now */
		return false;
	news = g->known != i;
	g->at = g->known = i;
	g->failed = 0;
	g->rests_until_us = 0;
	return news;
}

/* The first that may still be the one; GUESS_WAYS: none. */
static unsigned first_left(const struct guess *g)
{
	unsigned i = 0;

	while (i < g->count && g->failed & 1u << i)
		i++;
	return i < g->count ? i : GUESS_WAYS;
}

/* All were tried: what was good once is as good as any. */
static void rest(struct guess *g, uint64_t now_us)
{
	g->at = g->known < GUESS_WAYS ? g->known : 0;
	g->failed = 0;
	g->rests_until_us = now_us + GUESS_REST_US;
}

/* For the next session, which is no matter of haste. */
static void take(struct guess *g, const struct guess_way *theirs)
{
	for (unsigned i = 0; i < g->count; i++) {
		if (!suits(&g->ways[g->at], theirs) && suits(&g->ways[i], theirs))
			g->at = i;
	}
}

bool guess_wrong(struct guess *g, const struct guess_way *way, const struct guess_way *theirs,
		 uint64_t now_us)
{
	unsigned i = find(g, way);

	if (!guess_is_open(g, now_us)) {
		take(g, theirs);
		return false;
	}
	if (i < GUESS_WAYS)
		g->failed |= 1u << i;
	for (i = 0; i < g->count; i++) {
		if (!suits(&g->ways[i], theirs))
			g->failed |= 1u << i;
	}
	i = first_left(g);
	if (i == GUESS_WAYS)
		rest(g, now_us);
	else if (g->failed & 1u << g->at)
		g->at = i;
	return i < GUESS_WAYS;
}
