/* world_leg.c - one end of a session: its life, and its turn in the loop. */
#include <assert.h>
#include <stdlib.h>

#include "kcp_model.h"
#include "world_impl.h"

enum {
	LOOP_US = 50,                 /* one iteration of a real loop */
	SPINS_MAX = 100000 / LOOP_US, /* turns in a row that are due at once */
	GUARD_TIMES = 3,
};

/* The far more expensive parts of the tunnel's keys are made once for all runs. */
static struct qpp *shared_qpp;

/* ---- hosts --------------------------------------------------------------------------- */

static struct world_host *host_of(struct node *n, uint32_t address)
{
	uint32_t number = address >> 16;
	struct world_host *h;

	for (unsigned i = 0; i < n->host_count; i++)
		if (n->hosts[i].number == number)
			return &n->hosts[i];
	assert(n->host_count < HOSTS_MAX);
	h = &n->hosts[n->host_count++];
	*h = (struct world_host){ .number = number };
	h->path = path_new(&kcp_cc_model);
	assert(h->path != NULL);
	return h;
}

/* ---- life ---------------------------------------------------------------------------- */

static void on_memory(void *user)
{
	struct leg *l = user;

	l->woken = true;
}

static struct session_config config_of(struct leg *l)
{
	struct world *w = l->world;
	const struct seal_method *m = seal_method_find(w->p->crypt);
	struct session_config cfg = w->p->cfg[l->side];
	struct node *n = &w->node[l->side];

	if (w->p->qpp && shared_qpp == NULL)
		shared_qpp = qpp_new("the simulator's key", 19, 5, NULL);
	cfg.conv = l->conv;
	cfg.seal_overhead = m->head + m->tail;
	cfg.packet_bytes_max -= cfg.seal_overhead;
	cfg.pool = &n->fifos;
	cfg.scratch = &n->scratch;
	cfg.path = cfg.congestion == SESSION_MODEL && w->p->shares_path ? l->host->path : NULL;
	cfg.wake = on_memory;
	cfg.wake_user = l;
	cfg.qpp = w->p->qpp ? shared_qpp : NULL;
	return cfg;
}

struct leg *world_leg_new(struct world *w, unsigned side, uint32_t conv, uint32_t address)
{
	struct leg *l = calloc(1, sizeof(*l));
	struct session_config cfg;

	assert(l != NULL);
	l->world = w;
	l->side = side;
	l->conv = conv;
	l->address = address;
	l->host = host_of(&w->node[side], side == 0 ? SERVER_ADDRESS : address);
	l->born_us = l->heard_us = w->now_us;
	cfg = config_of(l);
	cfg.ts_base = UINT32_C(2654435769) * ++w->incarnations;
	l->session = session_new(&cfg, w->now_us);
	assert(l->session != NULL);
	w->r->sessions++;
	return l;
}

void world_leg_free(struct leg *l)
{
	world_apps_gone(l);
	session_free(l->session);
	free(l);
}

void world_leg_move(struct leg *l, uint32_t address)
{
	struct world_host *before = l->host;
	struct session_config cfg;

	l->address = address;
	l->host = host_of(&l->world->node[l->side], address);
	if (l->host == before)
		return;
	cfg = config_of(l);
	session_set_kcp(l->session, &cfg, l->world->now_us);
}

struct leg *world_leg_peer(const struct leg *l)
{
	const struct world *w = l->world;

	if (l->side == 1) {
		for (unsigned i = 0; i < w->p->session_count; i++) {
			struct leg *peer = w->client.legs[i];

			if (peer != NULL && peer->conv == l->conv && peer->address == l->address)
				return peer;
		}
		return NULL;
	}
	for (unsigned i = 0; i < w->server.leg_count; i++)
		if (w->server.legs[i]->conv == l->conv && w->server.legs[i]->address == l->address)
			return w->server.legs[i];
	return NULL;
}

/* ---- packets ------------------------------------------------------------------------- */

void world_leg_guard(struct leg *l)
{
	session_guard(l->session, l->world->now_us);
	l->in_bytes = l->out_bytes = 0;
}

void world_leg_input(struct leg *l, struct view payload)
{
	l->in_pkts++;
	l->heard_us = l->world->now_us;
	session_input(l->session, l->world->now_us, payload);
}

void world_send(struct world *w, unsigned side, struct net_label label, const struct packet *pkt)
{
	(pkt->may_fragment ? net_send_cut : net_send)(w->net[side], w->now_us, label, pkt->data,
						      pkt->len);
	if (w->attacker != NULL)
		world_attacker_hear(w, side, label, pkt->data, pkt->len);
}

static void transmit(struct leg *l)
{
	struct world *w = l->world;
	struct node *n = &w->node[l->side];
	size_t max = w->p->cfg[l->side].packet_bytes_max;
	struct net_label label = {
		.from = l->side == 0 ? l->address : SERVER_ADDRESS,
		.to = l->side == 0 ? SERVER_ADDRESS : l->address,
	};
	bool more;

	do {
		more = session_flush(l->session, w->now_us, &n->out, NULL);
		seal_batch(n->seal, n->out.v, n->out.count);
		l->out_pkts += n->out.count;
		for (size_t i = 0; i < n->out.count; i++) {
			const struct packet *pkt = &n->out.v[i];

			if (pkt->len > max)
				world_fail(w, "end %u: a datagram of %zu bytes, mtu is %zu",
					   l->side, pkt->len, max);
			l->out_bytes += pkt->len;
			world_send(w, l->side, label, pkt);
		}
		batch_clear(&n->out);
	} while (more);
	if (session_guarded(l->session) && l->out_bytes > GUARD_TIMES * l->in_bytes)
		world_fail(w, "%llu bytes were sent to address %x, of which %llu came and no proof",
			   (unsigned long long)l->out_bytes, l->address,
			   (unsigned long long)l->in_bytes);
}

/* ---- turns --------------------------------------------------------------------------- */

static void serve_streams(struct leg *l)
{
	session_process(l->session, l->world->now_us);
	world_hear(l);
	world_apps_turn(l);
}

/* It wants another turn at once, though this one moved nothing. */
static void count_spins(struct leg *l)
{
	uint64_t carried = session_carried_bytes(l->session);
	bool due = l->woken || session_deadline(l->session) <= l->world->now_us;

	l->spins = due && carried == l->carried ? l->spins + 1 : 0;
	l->carried = carried;
}

/* Input was before deadlines. */
void world_leg_turn(struct leg *l)
{
	struct world *w = l->world;

	l->woken = false;
	session_process(l->session, w->now_us);
	if (session_deadline(l->session) <= w->now_us)
		session_tick(l->session, w->now_us);
	serve_streams(l);
	serve_streams(l); /* what reading made room for */
	if (session_ended(l->session) == SESSION_ALIVE)
		transmit(l);
	world_hear(l);
	if (l->in_pkts > 0 && !session_guarded(l->session))
		l->host->proven = true;
	count_spins(l);
	if (l->spins > SPINS_MAX)
		world_fail(w, "end %u: due at once for %u turns in a row", l->side, l->spins);
}

/* A session whose deadline is not in the future although it just had its turn gets the next one
 * as soon as a real loop gives it, and so does one that was woken by another's. */
uint64_t world_leg_deadline(const struct leg *l)
{
	uint64_t due = session_deadline(l->session), now_us = l->world->now_us;

	if (l->woken || (due != KT_NEVER && due <= now_us))
		due = now_us + LOOP_US;
	return due;
}

void world_cleanup(void)
{
	qpp_free(shared_qpp);
	shared_qpp = NULL;
}
