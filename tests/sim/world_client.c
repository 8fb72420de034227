/* world_client.c - the client's sessions, and the addresses that they are at. */
#include "world_impl.h"

enum {
	FIRST_CONV = 0x11223344,
	LOOK_US = 200 * 1000,
	ASK_US = 300 * 1000, /* of silence, as of client_watch.c */
};

/* No two sessions, and no session twice, have the same. */
static uint32_t next_address(struct client *c)
{
	return c->host << 16 | (1000 + c->addresses++);
}

static struct leg *dial(struct world *w)
{
	struct client *c = &w->client;

	/* As different as drawn ones: parity of one must not pass for that of another. */
	return world_leg_new(w, 0, FIRST_CONV + UINT32_C(2654435769) * c->convs++, next_address(c));
}

void world_client_start(struct world *w)
{
	w->client.host = CLIENT_HOST;
	for (unsigned i = 0; i < w->p->session_count; i++)
		w->client.legs[i] = dial(w);
}

void world_client_stop(struct world *w)
{
	for (unsigned i = 0; i < w->p->session_count; i++) {
		world_leg_free(w->client.legs[i]);
		w->client.legs[i] = NULL;
	}
}

void world_client_move(struct world *w, const struct world_event *e)
{
	struct leg *l = w->client.legs[e->session];

	if (e->kind == WORLD_MOVE_HOST)
		w->client.host++;
	l->old_address = e->kind == WORLD_SOCKET ? l->address : 0;
	l->address = next_address(&w->client);
}

/* ---- datagrams ----------------------------------------------------------------------- */

static struct leg *leg_at(struct world *w, uint32_t address)
{
	for (unsigned i = 0; i < w->p->session_count; i++) {
		struct leg *l = w->client.legs[i];

		if (l->address == address)
			l->old_address = 0;
		if (l->address == address || l->old_address == address)
			return l;
	}
	return NULL;
}

void world_client_receive(struct world *w)
{
	uint8_t buf[DATAGRAM_MAX];
	struct net_label label;
	size_t len;

	while ((len = net_receive(w->net[1], w->now_us, &label, buf)) > 0) {
		struct packet pkt = { .data = buf, .len = len };
		struct leg *l = leg_at(w, label.to);

		if (l != NULL && seal_open_batch(w->node[0].seal, &pkt, 1) == 1)
			world_leg_input(l, (struct view){ pkt.data, pkt.len });
	}
}

/* ---- turns --------------------------------------------------------------------------- */

static bool waits(const struct leg *l)
{
	for (const struct end *e = l->ends; e != NULL; e = e->next)
		if (e->stream != NULL)
			return true;
	return false;
}

/* A server that sends to an address that is no more learns the new one from what comes. */
static void watch(struct leg *l)
{
	uint64_t now_us = l->world->now_us;

	if (now_us - l->heard_us < ASK_US || now_us - l->asked_us < ASK_US || !waits(l))
		return;
	l->asked_us = now_us;
	if (!session_unanswered(l->session))
		session_ping(l->session);
	session_pad(l->session);
}

static bool was_restarted_since(const struct world *w, const struct leg *l)
{
	return w->server.started_us > l->born_us;
}

/* Met while it finds out whether it is understood, a restart looks as if it were not. */
static bool may_follow_restart(enum session_end why)
{
	return why == SESSION_UNKNOWN || why == SESSION_TIMEOUT || why == SESSION_NOT_UNDERSTOOD;
}

/* It may only end when the server that it talked to is gone; another one takes over. */
static void replace(struct world *w, struct leg **at)
{
	struct leg *l = *at;
	enum session_end why = session_ended(l->session);

	if (!was_restarted_since(w, l) || !may_follow_restart(why)) {
		world_fail(w, "end 0: the session ended: %s", session_end_text(why));
		return;
	}
	world_lose_flows(w, l->conv);
	world_leg_free(l);
	*at = dial(w);
}

void world_client_turn(struct world *w)
{
	for (unsigned i = 0; i < w->p->session_count; i++) {
		struct leg **at = &w->client.legs[i];

		if (w->p->watches)
			watch(*at);
		world_leg_turn(*at);
		if (session_ended((*at)->session) != SESSION_ALIVE)
			replace(w, at);
	}
}

uint64_t world_client_deadline(const struct world *w)
{
	uint64_t at = KT_NEVER;

	for (unsigned i = 0; i < w->p->session_count; i++) {
		const struct leg *l = w->client.legs[i];

		at = min_u64(at, world_leg_deadline(l));
		if (w->p->watches && waits(l))
			at = min_u64(at, w->now_us + LOOK_US);
	}
	return at;
}
