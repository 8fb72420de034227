/* world_server.c - which session of the server a datagram is for, by the rules of admit.h. */
#include "world_impl.h"

#include "admit.h"
#include "tell.h"

void world_server_start(struct world *w)
{
	w->server.started_us = w->now_us;
}

/* ---- sessions ------------------------------------------------------------------------ */

static struct leg *at(const struct server *s, uint32_t address, const struct session_sniff *sniff)
{
	struct leg *latest = NULL;

	for (unsigned i = 0; i < s->leg_count; i++) {
		struct leg *l = s->legs[i];

		if (l->address != address || (sniff->has_conv && l->conv != sniff->conv))
			continue;
		if (latest == NULL || l->heard_us > latest->heard_us)
			latest = l;
	}
	if (latest != NULL && sniff->has_conv && !session_suits(latest->session, sniff))
		return NULL;
	return latest;
}

static struct leg *open_leg(struct world *w, uint32_t address, uint32_t conv)
{
	struct server *s = &w->server;
	struct leg *l;

	if (s->leg_count == SERVER_LEGS_MAX) {
		world_fail(w, "the server has %u sessions", s->leg_count);
		return NULL;
	}
	l = world_leg_new(w, 1, conv, address);
	if (!l->host->proven && !w->p->proven)
		world_leg_guard(l);
	s->legs[s->leg_count++] = l;
	return l;
}

static void drop(struct server *s, unsigned i)
{
	world_leg_free(s->legs[i]);
	s->legs[i] = s->legs[--s->leg_count];
}

void world_server_stop(struct world *w)
{
	struct server *s = &w->server;

	while (s->leg_count > 0)
		drop(s, 0);
}

void world_server_sweep(struct world *w)
{
	struct server *s = &w->server;

	for (unsigned i = s->leg_count; i-- > 0;)
		if (world_leg_peer(s->legs[i]) == NULL)
			drop(s, i);
}

/* ---- datagrams ----------------------------------------------------------------------- */

static void tell_unknown(struct world *w, uint32_t address, struct view payload)
{
	struct node *n = &w->node[1];
	struct packet *answer = batch_add(&n->out);
	uint64_t up_ms = (w->now_us - w->server.started_us) / 1000;
	struct net_label label = { .from = SERVER_ADDRESS, .to = address };

	if (tell_encode(answer->data, payload, (uint32_t)up_ms)) {
		answer->len = TELL_BYTES;
		seal_batch(n->seal, n->out.v, n->out.count);
		world_send(w, 1, label, answer);
		w->r->told++;
	}
	batch_clear(&n->out);
}

static struct leg *admit(struct world *w, const struct net_label *label, struct view payload,
			 const struct session_sniff *sniff)
{
	uint32_t address = label->from;
	struct server *s = &w->server;
	struct leg *moved = NULL;
	struct admit a;

	admit_begin(&a, payload, sniff);
	for (unsigned i = 0; i < s->leg_count; i++)
		if (s->legs[i]->conv == sniff->conv && admit_ask(&a, s->legs[i]->session))
			moved = s->legs[i];
	switch (admit_verdict(&a)) {
	case ADMIT_MOVE:
		world_leg_move(moved, address);
		session_way_changed(moved->session);
		world_leg_guard(moved);
		w->r->moves++;
		return moved;
	case ADMIT_OPEN: /* a nonce that was heard before opens nothing */
		return label->replayed && !w->p->attack.opens ? NULL
							      : open_leg(w, address, sniff->conv);
	case ADMIT_TELL:
		tell_unknown(w, address, payload);
		break;
	case ADMIT_IGNORE:
		break;
	}
	return NULL;
}

static void datagram(struct world *w, const struct net_label *label, struct view payload,
		     size_t wire_bytes)
{
	struct session_sniff sniff;
	struct leg *l;

	if (!session_sniff(payload, &sniff))
		return;
	l = at(&w->server, label->from, &sniff);
	if (l == NULL && sniff.has_conv)
		l = admit(w, label, payload, &sniff);
	if (l == NULL)
		return;
	l->in_bytes += wire_bytes;
	world_leg_input(l, payload);
}

void world_server_receive(struct world *w)
{
	uint8_t buf[DATAGRAM_MAX];
	struct net_label label;
	size_t len;

	while ((len = net_receive(w->net[0], w->now_us, &label, buf)) > 0) {
		struct packet pkt = { .data = buf, .len = len };

		if (w->attacker != NULL)
			world_attacker_reached(w, label, len);
		if (seal_open_batch(w->node[1].seal, &pkt, 1) == 1)
			datagram(w, &label, (struct view){ pkt.data, pkt.len }, len);
	}
}

/* ---- turns --------------------------------------------------------------------------- */

/* One that a client talks to may only end when that began before the server did. */
static void judge_end(struct world *w, const struct leg *l)
{
	const struct leg *peer = world_leg_peer(l);

	if (peer != NULL && peer->born_us >= w->server.started_us)
		world_fail(w, "end 1: the session ended: %s",
			   session_end_text(session_ended(l->session)));
}

void world_server_turn(struct world *w)
{
	struct server *s = &w->server;

	for (unsigned i = s->leg_count; i-- > 0;) {
		world_leg_turn(s->legs[i]);
		if (session_ended(s->legs[i]->session) == SESSION_ALIVE)
			continue;
		judge_end(w, s->legs[i]);
		drop(s, i);
	}
}
