/* experiment.c - one world with a link, a tunnel and its load. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiment_impl.h"

#define S_TO_US(s) ((uint64_t)((s)*1e6))

enum {
	WARM_US = 2 * 1000 * 1000, /* long enough for a warm tunnel to be quiet again */
	WARM_TRIES = 15,
	GRACE_US = 10 * 1000 * 1000, /* what is under way at the end may take so long */
	GRACE_STEP_US = 100 * 1000,
	SHARE_AFTER_US = 5 * 1000 * 1000, /* shares are of the time after this */
};

const char *const experiment_kinds[EXPERIMENT_KINDS] = {
	[EXPERIMENT_BULK] = "bulk",     [EXPERIMENT_THIN] = "thin", [EXPERIMENT_CONNS] = "conns",
	[EXPERIMENT_FCT] = "fct",       [EXPERIMENT_MIX] = "mix",   [EXPERIMENT_SHARE] = "share",
	[EXPERIMENT_RESUME] = "resume",
};

/* What is usual of each kind. */
static const struct usual {
	double seconds;
	unsigned streams;
	uint64_t size;
	double hz, pause_s;
} usual[EXPERIMENT_KINDS] = {
	[EXPERIMENT_BULK] = { 20, 1, 0, 0, 0 },     [EXPERIMENT_THIN] = { 20, 1, 64, 50, 0 },
	[EXPERIMENT_CONNS] = { 20, 8, 1024, 0, 0 }, [EXPERIMENT_FCT] = { 60, 1, 100000, 0, 1 },
	[EXPERIMENT_MIX] = { 20, 4, 64, 20, 0 },    [EXPERIMENT_SHARE] = { 35, 1, 0, 0, 0 },
	[EXPERIMENT_RESUME] = { 42, 1, 0, 0, 0 },
};

/* A mix's bulk streams, or its thin ones, are so much ahead of the others. */
static const double mix_lead_s = 2;

/* ---- making ---------------------------------------------------------------------------- */

static void fill_in(struct lab *lab)
{
	struct spec *s = &lab->s;
	const struct usual *u = &usual[s->kind];

	s->crypt = s->crypt != NULL ? s->crypt : "aes";
	s->seconds = s->seconds > 0 ? s->seconds : u->seconds;
	s->streams = s->streams > 0 ? s->streams : u->streams;
	s->bulk_streams = s->bulk_streams > 0 ? s->bulk_streams : 1;
	s->size = s->size > 0 ? s->size : u->size;
	s->hz = s->hz > 0 ? s->hz : u->hz;
	s->rivals = s->rivals > 0 ? s->rivals : 1;
	if (s->kind == EXPERIMENT_SHARE && s->rival == NULL)
		s->rival = "cubic";
	if (s->kind != EXPERIMENT_RESUME)
		return;
	for (unsigned way = 0; way < 2; way++) {
		if (s->link[way].outage[0].length_s > 0)
			continue;
		s->link[way].outage[0].start_s = 10;
		s->link[way].outage[0].length_s = 2;
	}
}

static struct load *add_load(struct lab *lab, const struct load_params *p)
{
	struct load_params params = *p;
	struct load *l;

	assert(lab->load_count < LOADS_MAX);
	params.seed = lab->s.seed * 16 + lab->load_count;
	l = load_new(&lab->world, lab->tunnel, &params);
	lab->loads[lab->load_count++] = l;
	return l;
}

/* All tunnels of the world: those of rivals have begun, too. */
static void warm_up(struct lab *lab)
{
	struct load *l = add_load(lab, &(struct load_params){
					       .kind = LOAD_TRANSFERS,
					       .streams = tunnel_conns(lab->tunnel),
					       .from_us = lab->world.now_us,
					       .to_us = lab->world.now_us + 1,
					       .size = LOAD_WARM_BYTES,
				       });

	for (int tries = 0; tries < WARM_TRIES; tries++) {
		world_run(&lab->world, lab->world.now_us + WARM_US);
		if (load_missing(l) == 0 && (lab->rivals == NULL || rivals_warm(lab->rivals)))
			return;
	}
	tunnel_fail(lab->tunnel, "the tunnel did not come up");
}

static struct load *add_bulk(struct lab *lab, bool up, unsigned streams, double after_s)
{
	return add_load(lab, &(struct load_params){
				     .kind = LOAD_BULK,
				     .streams = streams,
				     .up = up,
				     .from_us = lab->from_us + S_TO_US(after_s),
				     .to_us = lab->to_us,
			     });
}

static struct load *add_timed(struct lab *lab, enum load_kind kind, double after_s)
{
	return add_load(lab, &(struct load_params){
				     .kind = kind,
				     .streams = lab->s.streams,
				     .conn = lab->s.bulk_streams,
				     .from_us = lab->from_us + S_TO_US(after_s),
				     .to_us = lab->to_us,
				     .size = lab->s.size,
				     .hz = lab->s.hz,
				     .warmup_s = lab->s.thin_first ? mix_lead_s + 1 : 1,
				     .pause_s = usual[lab->s.kind].pause_s,
			     });
}

static void add_mix(struct lab *lab)
{
	double thin_s = lab->s.thin_first ? 0 : mix_lead_s;
	double bulk_s = lab->s.thin_first ? mix_lead_s : 0;

	lab->to_us += S_TO_US(mix_lead_s);
	lab->timed = add_timed(lab, LOAD_THIN, thin_s);
	lab->bulk = add_bulk(lab, lab->s.up, lab->s.bulk_streams, bulk_s);
	if (lab->s.both)
		add_bulk(lab, !lab->s.up, lab->s.bulk_streams, bulk_s);
}

static void add_loads(struct lab *lab)
{
	switch (lab->s.kind) {
	case EXPERIMENT_THIN:
		lab->timed = add_timed(lab, LOAD_THIN, 0);
		break;
	case EXPERIMENT_CONNS:
	case EXPERIMENT_FCT:
		lab->timed = add_timed(lab, LOAD_TRANSFERS, 0);
		break;
	case EXPERIMENT_MIX:
		add_mix(lab);
		break;
	default:
		lab->bulk = add_bulk(lab, lab->s.up, lab->s.streams, 0);
		break;
	}
}

static uint64_t all_rivals(void *rivals)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < rivals_count(rivals); i++)
		bytes += rivals_bytes(rivals, i);
	return bytes;
}

static void add_trace(struct lab *lab)
{
	if (lab->s.trace_s <= 0)
		return;
	lab->trace = trace_new(&(struct trace_subject){
		.world = &lab->world,
		.tunnel = lab->tunnel,
		.way = lab->way,
		.load = lab->bulk != NULL ? lab->bulk : lab->timed,
		.rival_bytes = lab->rivals != NULL ? all_rivals : NULL,
		.rivals = lab->rivals,
		.period_us = S_TO_US(lab->s.trace_s),
	});
}

static void set_up(struct lab *lab)
{
	struct tunnel_params like = {
		.config = lab->s.config,
		.crypt = lab->s.crypt,
		.conn = lab->s.conn,
		.timer_us = lab->s.timer_us,
		.seed = lab->s.seed,
	};

	world_init(&lab->world, lab->s.link, lab->s.seed);
	lab->tunnel = tunnel_new(&lab->world, &like);
	if (lab->s.rival != NULL)
		lab->rivals = rivals_new(&lab->world, lab->s.rival, lab->s.rivals, &like);
	warm_up(lab);
	lab->way = lab->s.up ? WORLD_UP : WORLD_DOWN;
	lab->from_us = lab->world.now_us;
	lab->to_us = lab->from_us + S_TO_US(lab->s.seconds);
	for (unsigned way = 0; way < 2; way++) {
		link_start(lab->world.link[way], lab->from_us);
		tunnel_look(lab->tunnel, way, &lab->before[way]);
	}
	add_loads(lab);
	if (lab->rivals != NULL)
		rivals_start(lab->rivals, lab->way, lab->from_us + S_TO_US(lab->s.rival_after_s),
			     lab->to_us);
	add_trace(lab);
}

static void tear_down(struct lab *lab)
{
	trace_free(lab->trace);
	tunnel_free(lab->tunnel);
	for (unsigned i = 0; i < lab->load_count; i++)
		load_free(lab->loads[i]);
	rivals_free(lab->rivals);
	world_dispose(&lab->world);
}

/* ---- running ----------------------------------------------------------------------------- */

/* Let all of it happen, and look at shares on the way where there are others. */
static void run_load(struct lab *lab)
{
	uint64_t settled_us = lab->from_us + SHARE_AFTER_US + S_TO_US(lab->s.rival_after_s);

	if (lab->rivals == NULL || lab->bulk == NULL || settled_us >= lab->to_us) {
		world_run(&lab->world, lab->to_us);
		return;
	}
	world_run(&lab->world, settled_us);
	experiment_note_bytes(lab, lab->earlier);
	world_run(&lab->world, lab->to_us);
	experiment_measure_shares(lab, (double)(lab->to_us - settled_us) * 1e-6);
}

static void run(struct lab *lab)
{
	run_load(lab);
	experiment_measure_link(lab);
	if (lab->bulk != NULL)
		experiment_measure_bulk(lab);
	if (lab->s.kind == EXPERIMENT_RESUME)
		experiment_measure_back(lab);
	if (lab->trace != NULL)
		lab->s.traced(lab->trace, lab->s.user);
	if (lab->timed == NULL)
		return;
	while (load_missing(lab->timed) > 0 && lab->world.now_us < lab->to_us + GRACE_US)
		world_run(&lab->world, lab->world.now_us + GRACE_STEP_US);
	experiment_measure_times(lab);
}

static void note_failure(struct lab *lab)
{
	const char *why = tunnel_why(lab->tunnel);

	if (why == NULL && lab->rivals != NULL)
		why = rivals_why(lab->rivals);
	if (why == NULL)
		return;
	lab->f->good = false;
	snprintf(lab->f->why, sizeof(lab->f->why), "%s", why);
}

static void run_one(const struct spec *spec, struct figures *f)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	assert(lab != NULL);
	figures_clear(f);
	lab->s = *spec;
	lab->f = f;
	fill_in(lab);
	set_up(lab);
	run(lab);
	note_failure(lab);
	tear_down(lab);
	free(lab);
}

/* The thin streams of a mix, without the rest of it. */
static void compare_with_thin(const struct spec *mix, struct figures *f)
{
	const struct usual *u = &usual[EXPERIMENT_MIX];
	struct spec thin = *mix;
	struct figures alone;

	thin.kind = EXPERIMENT_THIN;
	thin.streams = mix->streams > 0 ? mix->streams : u->streams;
	thin.hz = mix->hz > 0 ? mix->hz : u->hz;
	thin.trace_s = 0;
	run_one(&thin, &alone);
	f->v[FIG_P99_OVER] = f->v[FIG_P99] - alone.v[FIG_P99];
}

void experiment_run(const struct spec *spec, struct figures *f)
{
	run_one(spec, f);
	if (spec->kind == EXPERIMENT_MIX)
		compare_with_thin(spec, f);
}
