/* world.c - a client and a server joined by a simulated network: time. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world_impl.h"

void world_fail(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->r->good)
		return;
	w->r->good = false;
	va_start(ap, fmt);
	vsnprintf(w->r->why, sizeof(w->r->why), fmt, ap);
	va_end(ap);
}

/* ---- nodes --------------------------------------------------------------------------- */

static void make_node(struct world *w, unsigned side)
{
	struct node *n = &w->node[side];
	const struct seal_method *m = seal_method_find(w->p->crypt);
	uint8_t pass[SEAL_KEY_SIZE], seed[SEAL_SEED_SIZE];
	struct rng rng = { w->seed };

	assert(m != NULL);
	rng_bytes(&rng, pass, sizeof(pass));
	rng.s += side + 1 + w->now_us;
	rng_bytes(&rng, seed, sizeof(seed));
	n->seal = seal_new(m, pass, seed, NULL);
	assert(n->seal != NULL);
	packet_pool_init(&n->packets);
	batch_init(&n->out, &n->packets);
	fifo_pool_init(&n->fifos, w->p->pool_bytes[side]);
	session_scratch_init(&n->scratch);
	n->host_count = 0;
}

static void drop_node(struct world *w, unsigned side)
{
	struct node *n = &w->node[side];

	for (unsigned i = 0; i < n->host_count; i++)
		path_free(n->hosts[i].path);
	session_scratch_dispose(&n->scratch);
	batch_clear(&n->out);
	if (n->packets.used_count != 0)
		world_fail(w, "end %u keeps %zu packets", side, n->packets.used_count);
	if (n->fifos.used_count != 0 || n->fifos.used_bytes != 0)
		world_fail(w, "end %u keeps %zu chunks, %zu bytes", side, n->fifos.used_count,
			   n->fifos.used_bytes);
	packet_pool_dispose(&n->packets);
	fifo_pool_dispose(&n->fifos);
	seal_free(n->seal);
}

/* ---- events -------------------------------------------------------------------------- */

/* Another process, which knows nothing of the one before. */
static void restart(struct world *w)
{
	world_server_stop(w);
	drop_node(w, 1);
	make_node(w, 1);
	world_server_start(w);
	world_lose_flows_half_through(w);
}

static uint64_t event_at(const struct world *w)
{
	return w->event < w->p->event_count ? w->start_us + w->p->events[w->event].at_us : KT_NEVER;
}

static void take_events(struct world *w)
{
	for (; event_at(w) <= w->now_us; w->event++) {
		const struct world_event *e = &w->p->events[w->event];

		if (e->kind == WORLD_RESTART)
			restart(w);
		else
			world_client_move(w, e);
	}
}

/* ---- time ---------------------------------------------------------------------------- */

/* When something happens next. */
static uint64_t next_time(const struct world *w)
{
	uint64_t at = min_u64(world_apps_deadline(w), world_client_deadline(w));

	at = min_u64(at, min_u64(event_at(w), world_attacker_deadline(w)));
	for (unsigned i = 0; i < w->server.leg_count; i++)
		at = min_u64(at, world_leg_deadline(w->server.legs[i]));
	return min_u64(at, min_u64(net_deadline(w->net[0]), net_deadline(w->net[1])));
}

static void step(struct world *w)
{
	take_events(w);
	world_attacker_turn(w);
	world_open_flows(w);
	world_client_receive(w);
	world_client_turn(w);
	world_server_receive(w);
	world_server_turn(w);
	if (w->r->steps++ % w->p->verify_every == 0)
		world_check_limits(w);
}

static bool all_quiet(const struct world *w)
{
	if (w->ends_left > 0)
		return false;
	for (unsigned i = 0; i < w->p->session_count; i++)
		if (!session_drained(w->client.legs[i]->session))
			return false;
	for (unsigned i = 0; i < w->server.leg_count; i++) {
		const struct leg *l = w->server.legs[i];

		if (world_leg_peer(l) != NULL && !session_drained(l->session))
			return false;
	}
	return true;
}

static void run(struct world *w)
{
	while (w->r->good) {
		uint64_t next;

		step(w);
		if (all_quiet(w))
			break;
		next = next_time(w);
		if (next == KT_NEVER || next - w->start_us > w->p->time_max_us) {
			world_fail(w, "%u of %u ends were not through after %.1f s of virtual time",
				   w->ends_left, 2 * w->p->flow_count,
				   (double)w->p->time_max_us * 1e-6);
			break;
		}
		w->now_us = next > w->now_us ? next : w->now_us;
	}
	w->r->time_us = w->now_us - w->start_us;
}

/* ---- life ---------------------------------------------------------------------------- */

static void begin(struct world *w)
{
	w->flows = calloc(w->p->flow_count, sizeof(*w->flows));
	assert(w->flows != NULL);
	w->ends_left = 2 * w->p->flow_count;
	for (unsigned f = 0; f < w->p->flow_count; f++)
		w->r->bytes += w->p->flows[f].bytes[0] + w->p->flows[f].bytes[1];
	for (unsigned side = 0; side < 2; side++) {
		make_node(w, side);
		w->net[side] = net_new(&w->p->net[side], w->start_us, w->seed + side);
	}
	world_client_start(w);
	world_server_start(w);
	world_attacker_start(w);
}

static void end(struct world *w)
{
	world_attacker_stop(w);
	world_client_stop(w);
	world_server_stop(w);
	for (unsigned side = 0; side < 2; side++) {
		drop_node(w, side);
		net_free(w->net[side]);
	}
	free(w->flows);
}

void world_run(const struct world_params *p, uint64_t seed, struct world_result *result)
{
	struct world w = { .p = p, .r = result, .seed = seed };

	memset(result, 0, sizeof(*result));
	result->good = true;
	/* Start just before the 32-bit millisecond clock wraps, now and then. */
	w.start_us = seed % 4 == 0 ? (uint64_t)UINT32_MAX * 1000 - 50000 : 1000000 * (seed % 1000);
	w.now_us = w.start_us;
	begin(&w);
	run(&w);
	if (result->good)
		world_judge(&w);
	end(&w);
}
