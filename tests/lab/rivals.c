/* rivals.c - the flows beside the one that is measured. */
#include "rivals.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"
#include "rival.h"

/* One of them: a rival, or a tunnel and its loads. */
struct one {
	struct rival *tcp;
	struct tunnel *tunnel;
	struct load *warm, *bulk;
};

struct rivals {
	struct world *world;
	enum rival_kind kind; /* RIVAL_NONE: tunnels */
	unsigned count;
	uint64_t seed;
	struct one *all;
};

static const struct {
	const char *name;
	enum rival_kind kind;
} kinds[] = {
	{ "cubic", RIVAL_CUBIC },
	{ "bbr", RIVAL_BBR },
	{ "same", RIVAL_NONE },
};

bool rivals_known(const char *kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, kind) == 0)
			return true;
	return false;
}

static void make_tunnel(struct rivals *r, struct one *o, const struct tunnel_params *like, unsigned i)
{
	struct tunnel_params p = *like;

	p.seed += 1000 + i;
	o->tunnel = tunnel_new(r->world, &p);
	o->warm = load_new(r->world, o->tunnel,
			   &(struct load_params){
				   .kind = LOAD_TRANSFERS,
				   .streams = tunnel_conns(o->tunnel),
				   .from_us = r->world->now_us,
				   .to_us = r->world->now_us + 1,
				   .size = LOAD_WARM_BYTES,
			   });
}

struct rivals *rivals_new(struct world *w, const char *kind, unsigned count,
			  const struct tunnel_params *like)
{
	struct rivals *r = calloc(1, sizeof(*r));

	assert(r != NULL && rivals_known(kind));
	r->world = w;
	r->count = count;
	r->seed = like->seed;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, kind) == 0)
			r->kind = kinds[i].kind;
	r->all = calloc(count, sizeof(*r->all));
	assert(r->all != NULL);
	for (unsigned i = 0; i < count && r->kind == RIVAL_NONE; i++)
		make_tunnel(r, &r->all[i], like, i);
	return r;
}

void rivals_free(struct rivals *r)
{
	if (r == NULL)
		return;
	for (unsigned i = 0; i < r->count; i++) {
		struct one *o = &r->all[i];

		if (o->tcp != NULL)
			rival_free(o->tcp);
		if (o->tunnel != NULL)
			tunnel_free(o->tunnel);
		if (o->warm != NULL)
			load_free(o->warm);
		if (o->bulk != NULL)
			load_free(o->bulk);
	}
	free(r->all);
	free(r);
}

bool rivals_warm(const struct rivals *r)
{
	for (unsigned i = 0; i < r->count; i++)
		if (r->all[i].warm != NULL && load_missing(r->all[i].warm) > 0)
			return false;
	return true;
}

void rivals_start(struct rivals *r, unsigned way, uint64_t from_us, uint64_t to_us)
{
	for (unsigned i = 0; i < r->count; i++) {
		struct one *o = &r->all[i];

		if (o->tunnel == NULL) {
			o->tcp = rival_new(r->world, r->kind, way, from_us, r->seed * 64 + i);
			continue;
		}
		o->bulk = load_new(r->world, o->tunnel,
				   &(struct load_params){
					   .kind = LOAD_BULK,
					   .streams = 1,
					   .up = way == WORLD_UP,
					   .from_us = from_us,
					   .to_us = to_us,
				   });
	}
}

unsigned rivals_count(const struct rivals *r)
{
	return r->count;
}

uint64_t rivals_bytes(const struct rivals *r, unsigned i)
{
	const struct one *o = &r->all[i];

	return o->tcp != NULL ? rival_bytes(o->tcp) : o->bulk != NULL ? load_bytes(o->bulk) : 0;
}

const char *rivals_why(const struct rivals *r)
{
	for (unsigned i = 0; i < r->count; i++)
		if (r->all[i].tunnel != NULL && tunnel_why(r->all[i].tunnel) != NULL)
			return tunnel_why(r->all[i].tunnel);
	return NULL;
}
