/* link.h - one session of a tunnel: its datagrams, its timer, its relays.
 *
 * It sends through a port.  Whatever happens to it only touches it; at the end of the iteration
 * it is pumped once: its relays hear the session's news, and what is due is sent. */
#ifndef KT_LINK_H
#define KT_LINK_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "guess.h"
#include "pace.h"
#include "port.h"
#include "relay.h"
#include "session.h"
#include "spread.h"
#include "udp.h"

struct host;
struct tunnel;
struct relay;

struct link {
	struct tunnel *tunnel;   /* borrowed */
	struct port *port;       /* borrowed */
	struct session *session; /* owned */
	struct udp_path path;    /* the peer */
	struct host *host;       /* whose path the session shares with others; NULL: none yet */
	char peer[UDP_ADDR_TEXT];
	struct link *prev, *next; /* all links of the tunnel */
	struct port_turn turn;
	bool heard;    /* a good datagram came: the peer has our key */
	bool trusted;  /* client: not heard yet, but the server answers other sessions */
	bool draining; /* gets no new streams and ends when it has none */
	bool overdue;  /* its timer fired: to be seen to once what came was read */
	bool ended;    /* waits for its relays to leave, and for the tunnel to reap it */
	bool reaped;   /* is among those that the tunnel will */
	struct link *reap_next;
	enum session_end end; /* why, once ended */
	uint32_t conv;
	uint64_t serial;                    /* of the tunnel, never used twice */
	unsigned slot;                      /* client: which of `conn` it serves, */
	unsigned server;                    /* and which of `remoteaddr` it is to */
	struct link *peer_next, *conv_next; /* server: same buckets of the table, */
	struct link **peer_at, **conv_at;   /* and what leads here in them */
	struct link *half_prev, *half_next; /* server: half_open.h */
	bool half_open;
	uint16_t half_origin;
	uint64_t opened_us, heard_us;
	uint64_t quiet_us;         /* when it last had a relay, if it has none */
	struct spread_meter meter; /* of the session's bytes */
	/* client_guess.c */
	struct guess_way way; /* that it speaks */
	bool unsure;          /* whether the server understands it is not known yet */
	bool found;           /* it does, as was found out */
	bool mended;          /* it was not understood, and another way is tried */
	/* client_watch.c */
	ev_timer watch;
	struct port *old_port;  /* the one before, as long as it may bring something */
	uint64_t watched_bytes; /* received, when it was last looked at */
	uint64_t much_us;       /* when much was coming */
	uint64_t hole_looked_us,
		hole_us; /* when it was looked whether something is missing; since when it is, */
	uint8_t forgot_asked; /* how often, of a peer that seems to have forgotten the session */
	uint32_t hole_sn;     /* and what */
	uint64_t socket_us;   /* when it got its socket */
	bool replaced;        /* its slot has another */
	/* client_roam.c */
	uint64_t moved_us; /* when it last went another way, 0: never */
	uint64_t errors;   /* of its socket, when it was last looked at */
	bool way_lost;     /* no route leads to the server */
	bool look_again;   /* it went another way only a moment ago */
	struct pace pace;
	ev_timer timer;
	uint64_t armed_us; /* when the timer fires, KT_NEVER: stopped */
	struct relay *relays;
	unsigned relay_count;
};

/* A link of `t` on `p` to that peer, with a new session of number `conv`.  NULL when out of
 * memory. */
struct link *link_new(struct tunnel *t, struct port *p, const struct udp_path *path, uint32_t conv,
		      unsigned server);
/* Its tunnel's configuration is another. */
void link_change(struct link *l);
/* Frees the session and what relays are left on it. */
void link_free(struct link *l);

/* What it is called: its tunnel's name and a number that is never used again. */
enum { LINK_ID_BYTES = 96 };
const char *link_id(const struct link *l, char buf[static LINK_ID_BYTES]);
/* What log lines call it: with its number and its peer, "session NAME/SERIAL (0badcafe) to 192.0.2.1:29900". */
enum { LINK_NAME_BYTES = 192 };
const char *link_name(const struct link *l, char buf[static LINK_NAME_BYTES]);

/* Give it a turn at the end of this iteration. */
void link_touch(struct link *l);
/* Its peer talks from another address now, or to another port of ours. */
void link_move(struct link *l, struct port *p, const struct udp_path *path);
/* An opened datagram for this link. */
void link_input(struct link *l, struct view payload);
/* End it: its relays deliver what they still hold, then the tunnel reaps it. */
void link_end(struct link *l, enum session_end why);
/* End it because somebody asked for that: its streams are cut off for this cause, which the peer is
 * told if it can still be reached. */
void link_close(struct link *l, enum relay_cause why);
/* Called by a relay that left. */
void link_relay_left(struct link *l);
/* How fast its datagrams pass now. */
void link_rates(const struct link *l, struct pace_rates *out);
/* May carry another stream. */
bool link_usable(const struct link *l);
/* The peer was heard, and understands what it is sent. */
bool link_understood(const struct link *l);
/* What is written for it leaves: the peer was heard and understands it, or would. */
bool link_answers(const struct link *l);

#endif
