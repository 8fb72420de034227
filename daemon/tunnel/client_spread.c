/* client_spread.c - conn = auto: sessions as streams come, and streams where they have the least
 * to wait for.
 *
 * There is one session as long as nobody asks for more.  Each further one begins when a stream comes
 * and all have streams already, to where a session that answers leads, so that nothing is to be
 * waited for.  What has been without streams for QUIET_S ends, but for the last one: a session costs
 * keepalives at both ends, and the path's rate is remembered without it. */
#include "client_impl.h"

enum {
	QUIET_S = 60,
	LOOK_S = 10, /* between two looks for those */
	/* Keepalives are a little less apart, so that a tunnel that rests counts as answering. */
	LATELY_US = 15 * 1000 * 1000,
	MUTE_US = 3 * 1000 * 1000,
};

bool client_heard_lately(const struct link *l)
{
	return link_understood(l) && l->tunnel->reactor->now_us - l->heard_us < LATELY_US;
}

/* ---- sessions ------------------------------------------------------------------------ */

/* The server answers others and not this one: it may have as many sessions as it takes.  What was
 * given to it waits; but it gets no more, and no further one is tried as long as it is there. */
static bool is_mute(const struct link *l)
{
	return l->trusted && !l->heard && l->tunnel->reactor->now_us - l->opened_us > MUTE_US;
}

static bool on_its_way(struct slot *slot)
{
	return client_looks_up(slot) || ev_is_active(&slot->retry);
}

bool client_spread_wants(struct slot *slot)
{
	const struct client *c = slot->tunnel->state;

	if (!c->spread)
		return true;
	for (unsigned i = 0; i < c->slot_count; i++)
		if (c->slots[i].link != NULL || on_its_way(&c->slots[i]))
			return false;
	return true;
}

/* A further session; NULL: there is no place for one, or nobody answers. */
static struct slot *open_further(struct client *c)
{
	const struct link *like = NULL;
	struct slot *free = NULL;

	for (unsigned i = 0; i < c->slot_count; i++) {
		struct slot *slot = &c->slots[i];

		if (slot->link != NULL && is_mute(slot->link))
			return NULL;
		if (slot->link != NULL && slot->link->server == c->servers.serving &&
		    client_heard_lately(slot->link))
			like = slot->link;
		if (slot->link == NULL && !on_its_way(slot) && free == NULL)
			free = slot;
	}
	if (like == NULL || free == NULL || !client_dial_like(free, like))
		return NULL;
	if (!ev_is_active(&c->quiet))
		ev_timer_again(client_loop(free->tunnel), &c->quiet);
	return free;
}

static bool is_quiet(const struct link *l)
{
	return l->relay_count == 0 &&
	       l->tunnel->reactor->now_us - l->quiet_us >= QUIET_S * UINT64_C(1000000);
}

static void on_quiet(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct client *c = w->data;
	unsigned count = 0;

	for (unsigned i = 0; i < c->slot_count; i++)
		count += c->slots[i].link != NULL;
	for (unsigned i = c->slot_count; i-- > 0 && count > 1;) {
		struct slot *slot = &c->slots[i];

		if (slot->link == NULL || !is_quiet(slot->link))
			continue;
		client_retire(slot);
		count--;
	}
	if (count <= 1)
		ev_timer_stop(loop, w);
}

/* ---- streams ------------------------------------------------------------------------- */

/* Those that can take a stream; how many. */
static unsigned usable(struct client *c, struct slot *slots[CLIENT_AUTO_MAX])
{
	unsigned count = 0;

	for (unsigned i = 0; i < c->slot_count; i++) {
		struct slot *slot = &c->slots[i];

		if (slot->link != NULL && session_exhausted(slot->link->session))
			client_retire(slot);
		if (slot->link != NULL && link_usable(slot->link) && !is_mute(slot->link))
			slots[count++] = slot;
	}
	return count;
}

static struct spread_load load_of(const struct link *l)
{
	const struct session *s = l->session;

	return (struct spread_load){
		.streams = l->relay_count,
		.bytes = session_sent_bytes(s) - session_acked_bytes(s) +
			 spread_recent(&l->meter, l->tunnel->reactor->now_us),
	};
}

static struct slot *choose(struct client *c, struct slot *const slots[], unsigned count)
{
	struct spread_load loads[CLIENT_AUTO_MAX];
	unsigned chosen;

	for (unsigned i = 0; i < count; i++)
		loads[i] = load_of(slots[i]->link);
	chosen = spread_choose(loads, count, c->slot_count);
	if (chosen == count) {
		struct slot *further = open_further(c);

		if (further != NULL)
			return further;
		chosen = spread_choose(loads, count, count);
	}
	return slots[chosen];
}

/* There is no session: wait for the first one to come. */
static bool wait_for_first(struct client *c, struct relay *relay)
{
	struct slot *slot = NULL;

	for (unsigned i = 0; i < c->slot_count; i++)
		if (slot == NULL ? c->slots[i].link == NULL : on_its_way(&c->slots[i]))
			slot = &c->slots[i];
	if (slot == NULL)
		return false;
	client_dial(slot);
	client_wait(slot, relay);
	return true;
}

bool client_spread_place(struct tunnel *t, struct relay *relay)
{
	struct client *c = t->state;
	struct slot *slots[CLIENT_AUTO_MAX], *chosen;
	unsigned count = usable(c, slots);

	if (count == 0)
		return wait_for_first(c, relay);
	chosen = choose(c, slots, count);
	if (client_give_stream(chosen->link, relay))
		return true;
	/* It has its maxstreams. */
	for (unsigned i = 0; i < count; i++)
		if (client_give_stream(slots[i]->link, relay))
			return true;
	chosen = open_further(c);
	return chosen != NULL && client_give_stream(chosen->link, relay);
}

/* ---- life ---------------------------------------------------------------------------- */

void client_spread_init(struct tunnel *t)
{
	struct client *c = t->state;

	ev_init(&c->quiet, on_quiet);
	c->quiet.repeat = LOOK_S;
	c->quiet.data = c;
}

void client_spread_stop(struct tunnel *t)
{
	struct client *c = t->state;

	ev_timer_stop(client_loop(t), &c->quiet);
}
