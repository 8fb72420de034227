/* client_impl.h - what the client's files share; nobody else includes it.
 *
 * A client has `conn` places for a session, the slots; with `conn = auto` CLIENT_AUTO_MAX, which are
 * filled as streams come and emptied when there are none (client_spread.c).  For a slot without one a name is
 * resolved, a socket connected and a link made (client_dial.c), to whichever server and address answers first
 * (client_race.c); what is accepted in the meantime waits in the slot's line (client_waiting.c), and so does what comes
 * before its server is known to understand it (client_guess.c).  One slot more, which gets no streams, is for trials of
 * servers that did not answer before (client_failover.c).  A link that is to get no more streams leaves
 * its slot to the next one and lives on for those it has (client_expiry.c).  Who gets a stream
 * where, and what the tunnel is told, is client.c.
 *
 *     empty -----> resolving -----> has a link -----> empty; the link is gone, or lives on
 *       ^              |                                   for its streams
 *       +-- a while ---+
 */
#ifndef KT_CLIENT_IMPL_H
#define KT_CLIENT_IMPL_H

#include <ev.h>

#include "client_servers.h"
#include "guess.h"
#include "log.h"
#include "netwatch.h"
#include "relay.h"
#include "resolve.h"
#include "tunnel.h"

struct scavenge;

/* Sessions of `conn = auto`, at most; addresses of a name, those of several servers that wait for their turn, and links that are
 * tried beside the first. */
enum {
	CLIENT_AUTO_MAX = 8,
	CLIENT_NAME_ADDRESSES_MAX = 8,
	CLIENT_ADDRESSES_MAX = 16,
	CLIENT_RIVALS_MAX = 16,
	GUESS_TEXT = 48,
};

/* Why there is no link to somewhere. */
struct refusal {
	int err;                  /* of errno */
	char text[UDP_WHY_BYTES]; /* in words */
};

/* Where a server is: one of its addresses. */
struct whereto {
	unsigned server;
	struct udp_path path;
};

/* Of a server's name, for a slot. */
struct lookup {
	struct slot *slot;
	struct resolve_query *query; /* under way; NULL: none is */
};

/* One of the `conn` places for a session. */
struct slot {
	struct tunnel *tunnel;
	unsigned index;
	struct link *link; /* NULL: none now */
	struct lookup lookups[CONF_ADDRS_MAX];
	servers_mask tried; /* servers whose names were looked up, since it has no link that answers */
	struct refusal why; /* the last of them has no link */
	unsigned attempts;  /* that failed, since the last good session */
	bool ours; /* the last one failed for want of something on this machine's network */
	ev_timer retry, expiry;
	/* client_race.c: what is still to be tried, and the links to what was tried beside the first */
	struct whereto addresses[CLIENT_ADDRESSES_MAX];
	unsigned address_count;
	struct link *rivals[CLIENT_RIVALS_MAX];
	unsigned rival_count;
	ev_timer race;
	struct relay *waiting, **waiting_tail; /* accepted, without a stream yet */
	unsigned waiting_count;
	struct log_limit limit;
};

struct client {
	struct listener *listener;
	struct slot *slots; /* and behind them that for trials */
	unsigned slot_count, turn;
	bool spread;                /* conn = auto */
	ev_timer quiet;             /* of that, while there are several sessions */
	struct scavenge *scavenged; /* expired links that are to end at a given time */
	struct servers servers;
	struct {
		bool known;
		struct udp_path path;
	} good[CONF_ADDRS_MAX]; /* of each server the address that answered last */
	ev_timer trial;         /* when the next one begins, or the present one ends */
	bool on_trial;          /* there is a present one, */
	unsigned trial_server;  /* of this server */
	struct netwatch_listener network;
	struct guess guess[CONF_ADDRS_MAX]; /* how each server speaks */
	ev_timer waits;                     /* while connections wait for a server to answer */
	struct log_limit late;
};

static inline struct ev_loop *client_loop(const struct tunnel *t)
{
	return t->reactor->loop;
}

/* ---- client_waiting.c: relays that were accepted and have no stream yet ---------------- */

void client_waiting_init(struct slot *slot);
/* Of the tunnel: connections that wait for a server, in line or on a link that was never heard, do so for
 * `connecttimeout`. */
void client_patience_init(struct tunnel *t);
void client_patience_stop(struct tunnel *t);
/* Give a relay a stream on this link, or as long as the server may not understand it a place in its slot's line; false when it takes
 * no more. */
bool client_give_stream(struct link *l, struct relay *relay);
/* Keep a relay for the slot's next link, or refuse it. */
void client_wait(struct slot *slot, struct relay *relay);
/* Close those whose local peer waits no longer. */
void client_drop_forsaken(struct slot *slot);
/* The slot has a link: streams for all that wait. */
void client_serve_waiting(struct slot *slot);
/* All that wait find their places anew. */
void client_place_waiting(struct slot *slot);
/* Somebody waits for the link to answer. */
bool client_is_awaited(const struct link *l);
/* Close all that wait. */
void client_dismiss_waiting(struct slot *slot);
/* The sockets of all that wait go to somebody else. */
void client_pass_waiting(struct slot *slot, void (*take)(void *user, int fd), void *user);

/* ---- client_dial.c: from an empty slot to a link ---------------------------------------- */

void client_dial_init(struct slot *slot);
/* Go for a link if the slot has none and nothing for one is under way. */
void client_dial(struct slot *slot);
/* Go for one if it is wanted; else who waits here finds another place. */
void client_refill(struct slot *slot);
/* A link for an empty slot at once, to where another one leads; false when that fails. */
bool client_dial_like(struct slot *slot, const struct link *like);
/* The slot's link has ended by itself and was taken out: go for the next, now or later. */
void client_redial(struct slot *slot, const struct link *ended);
void client_dial_cancel(struct slot *slot);

/* A link to there, which nobody knows of yet; NULL and why. */
struct link *client_open_link(struct tunnel *t, const struct whereto *to, struct refusal *why);
/* A link for an empty slot; false and why. */
bool client_fill(struct slot *slot, const struct whereto *to, struct refusal *why);
/* Look up the name of a server that the slot has not tried yet, if there is one that it may; false: there is none. */
bool client_ask_next(struct slot *slot);
/* Names are being looked up; no longer. */
bool client_looks_up(const struct slot *slot);
void client_cancel_lookups(struct slot *slot);
/* There is no way to any server, for the slot's reason: try later. */
void client_failed(struct slot *slot);
/* The network of this machine is another: what was wanting for a session may be there. */
void client_dial_anew(struct slot *slot);

/* ---- client_race.c: one address after another -------------------------------------------- */

void client_race_init(struct slot *slot);
/* These are to be tried, of this server, in the order of the resolver; false and why: none of them can be. */
bool client_race_add(struct slot *slot, unsigned server, const struct sockaddr_storage *addrs,
		     size_t count);
/* Go on with what there is to be tried: a link for the slot if it has none, and others beside it as long as none answers.
 * `was_dry`: nothing was left, until now. */
void client_race_go(struct slot *slot, bool was_dry);
/* It was heard for the first time. */
void client_race_won(struct link *l);
/* It has ended. */
void client_race_left(struct slot *slot, const struct link *l);
void client_race_stop(struct slot *slot);

/* ---- client_failover.c: several servers ----------------------------------------------------- */

void client_failover_init(struct tunnel *t);
void client_failover_stop(struct tunnel *t);
static inline bool client_is_trial(const struct slot *slot)
{
	return slot->index == ((const struct client *)slot->tunnel->state)->slot_count;
}
/* The server that serves answers somebody, as far as is known. */
bool client_is_served(const struct tunnel *t);
/* A link is silent that should not be: so its server may be. */
void client_doubt(const struct link *l);
/* A slot's link answers for the first time. */
void client_serves(struct link *l);
/* There is a connection: to try servers again is worth while. */
void client_failover_look(struct tunnel *t);
/* The present trial came to nothing. */
void client_trial_failed(struct tunnel *t);
/* Its link was pumped. */
void client_trial_pumped(struct link *l);

/* ---- client_guess.c: servers that nobody said of how they speak ---------------------------- */

/* Say so for a session that begins. */
void client_begins(const struct link *l, struct session_config *cfg);
/* After what came: its connections are read once it is understood. */
void client_guess_look(struct link *l);
/* Who understands the one understands the other, if it is not known anyway. */
bool client_guess_vouches(const struct link *l, const struct link *fresh);
/* It has ended.  True: for want of being understood, and another way to speak is tried at once. */
bool client_guess_mends(struct tunnel *t, struct link *l);

/* ---- client_expiry.c: links that are to be used no more ---------------------------------- */

void client_expiry_init(struct slot *slot);
/* The slot has a link from now on that is to expire, if links are. */
void client_expiry_start(struct slot *slot);
/* The slot's link, if it has one, finishes its streams; new ones go to a new link. */
void client_retire(struct slot *slot);
/* The same, and there is no time at which it ends with streams on it. */
void client_let_go(struct slot *slot);
/* It has ended: it is no longer to be cut off. */
void client_forget_expired(struct client *c, const struct link *l);

/* ---- client_watch.c: links that fall silent ----------------------------------------------- */

void client_watch_init(struct link *l);
/* Something was said or heard. */
void client_watch(struct link *l);
void client_watch_stop(struct link *l);
/* The new socket works, or the link goes. */
void client_forget_old_port(struct link *l);

/* ---- client_roam.c: a link goes on from another socket --------------------------------------- */

/* Hear of the network's changes. */
void client_roam_start(struct tunnel *t);
void client_roam_stop(struct tunnel *t);
/* Another way, if the link's socket met errors? */
void client_roam_look(struct link *l);
/* In the place of its present one, of which what still comes is heard until the new one brought something; false: there is none. */
bool client_new_socket(struct link *l);
/* For a sign of life, by a datagram of full length. */
void client_ask(struct link *l);
/* New streams get a session of their own, for the reason that the log is told. */
void client_replace(struct link *l, const char *why);

/* ---- client_spread.c: sessions as streams come ------------------------------------------- */

void client_spread_init(struct tunnel *t);
/* Give a relay a stream of the session where it has the least to wait for, a new one if need be. */
bool client_spread_place(struct tunnel *t, struct relay *relay);
/* Is the slot, which has no link, to get one even if no stream asks for it? */
bool client_spread_wants(struct slot *slot);
void client_spread_stop(struct tunnel *t);
/* It was heard within the last seconds: whoever starts a session to the same host now need not wait
 * to be answered. */
bool client_heard_lately(const struct link *l);

#endif
