/* tunnel.h - one configured instance: its key, its links, its counters, its life.
 *
 * What differs between the two roles is behind struct tunnel_role: client.c opens
 * links for the TCP connections it accepts, server.c makes links for the clients that
 * send to it and connects each stream to a target. */
#ifndef KT_TUNNEL_H
#define KT_TUNNEL_H

#include <stdbool.h>

#include "config.h"
#include "counters.h"
#include "diagnosis.h"
#include "flow.h"
#include "hosts.h"
#include "link.h"
#include "opening.h"
#include "qpp.h"
#include "reactor.h"
#include "targets.h"

/* Unsent bytes that one stream may hold before its socket is read no more. */
#define STREAM_SEND_MAX ((size_t)128 << 10)

struct tunnel_role {
	/* Begin to work on the sockets of a complete binding, which are taken out of it.  False: out of
	 * memory. */
	bool (*start)(struct tunnel *t, struct binding *b);
	/* What it has at an address that it listens on, or in its way. */
	enum socket_place (*place)(const struct tunnel *t, const struct sockaddr_storage *addr);
	/* Hand over the socket at s->addr, with all that waits in it; sessions that need it end.
	 * False: it has none there. */
	bool (*yield)(struct tunnel *t, struct bound *s);
	/* Close the sockets that it listens on for a moment, so that somebody may try whether he could have their place; and open
	 * them again.  False: not all of them could be. */
	void (*suspend)(struct tunnel *t);
	bool (*resume)(struct tunnel *t);
	/* It is about to leave: whoever waits at it and was not heard yet goes over to `fresh`, which runs.  NULL:
	 * nobody waits. */
	void (*pass_on)(struct tunnel *t, struct tunnel *fresh);
	/* Take no new work. */
	void (*drain)(struct tunnel *t);
	/* `draining` is set: give up what only new work needs, and nothing else.  NULL: there is nothing. */
	void (*refuse_new)(struct tunnel *t);
	/* Streams opened from now on are to have sessions of the present configuration.
	 * NULL: those come by themselves. */
	void (*renew)(struct tunnel *t);
	/* Close what start() opened; all links are gone. */
	void (*stop)(struct tunnel *t);
	/* One opened datagram, `bad` ones included. */
	void (*datagram)(struct tunnel *t, struct port *p, struct packet *pkt);
	/* The peer opened a stream. */
	void (*stream_opened)(struct tunnel *t, struct link *l, struct smux_stream *st);
	/* A session begins: what the role has to say of it.  NULL: nothing. */
	void (*begins)(const struct link *l, struct session_config *cfg);
	/* The link was pumped, and goes on.  NULL: who cares? */
	void (*link_pumped)(struct tunnel *t, struct link *l);
	/* The link has ended.  True: what was the matter with it is about to be put right, and nobody needs to be told.
	 * NULL: never. */
	bool (*mends)(struct tunnel *t, struct link *l);
	/* The link is no longer to be used; it is freed later. */
	void (*link_ended)(struct tunnel *t, struct link *l);
	/* The link's memory goes now; so does its port, if it is its own. */
	void (*link_reaped)(struct tunnel *t, struct link *l);
	/* The link ended before the peer was ever heard: nothing of this relay
	 * was sent, it may be given another link. */
	void (*relay_orphaned)(struct tunnel *t, struct relay *relay);
};

extern const struct tunnel_role client_role, server_role;

/* Somebody above who keeps something for each tunnel that runs, and whose business
 * is not the tunnel's. */
struct tunnel_hooks {
	/* It runs.  What is returned is kept with it; NULL: nothing, and no more calls. */
	void *(*started)(struct tunnel *t);
	/* t->conf and t->name are others now. */
	void (*changed)(struct tunnel *t, void *kept);
	/* All its links are gone; its counters are complete, and it is about to be freed. */
	void (*leaves)(struct tunnel *t, void *kept);
};

struct walk;

struct tunnel {
	struct reactor *reactor;  /* borrowed */
	struct conf_tunnel *conf; /* owned */
	const char *name;         /* conf's */
	const struct tunnel_role *role;
	void *state; /* the role's; NULL: it does not run */
	struct opening opening;
	struct seal *seal;
	struct qpp *qpp; /* NULL: off */
	struct fifo_pool fifos;
	struct port *ports;
	struct hosts hosts; /* that links are to */
	struct link *links;
	unsigned link_count, heard_count; /* those that were heard at all */
	unsigned relay_count;
	struct task reaper; /* frees ended links after the pump: */
	struct link *to_reap;
	ev_timer alive;         /* looks at the local peers, while there are any, */
	uint64_t alive_from_us; /* from then on */
	bool draining;
	bool suspended;    /* see role->suspend */
	unsigned server;   /* client: which of `remoteaddr` serves */
	bool deaf;         /* server: its interface is gone, and nobody is heard */
	uint64_t drain_us; /* since when */
	bool sockbuf_told;
	struct counters past;     /* of links that are gone, and of no link */
	struct counters baseline; /* what a reset took the counters to be */
	uint64_t link_peak;
	uint64_t link_serial;            /* of the newest link */
	uint64_t started_us, counted_us; /* begin of its life, and of the counters */
	uint64_t heard_us;               /* when any peer was last; 0: never */
	struct udp_stats past_udp;       /* of ports that are gone */
	struct flow flow;
	struct walk *walks;     /* looks under way */
	struct targets targets; /* a server's */
	struct diagnosis diagnosis;
	struct log_quota tales;           /* of sessions that come and go */
	const struct tunnel_hooks *hooks; /* borrowed; NULL: none */
	void *hooked;                     /* what they keep */
};

/* Nothing is open and no key is derived yet: see opening.h.  NULL when out of memory; else `conf` is the
 * tunnel's. */
struct tunnel *tunnel_new(struct reactor *r, struct conf_tunnel *conf,
			  const struct tunnel_hooks *hooks);
/* For the opening.  Derive what the key is needed for, unless that was done; false: `why` not. */
bool tunnel_make_keys(struct tunnel *t, char *why, size_t cap);
/* See role->start. */
bool tunnel_start(struct tunnel *t, struct binding *b);
/* Take no new work, send what is left; tunnel_drained() tells when it is out. */
void tunnel_drain(struct tunnel *t);
bool tunnel_drained(const struct tunnel *t);
/* Take no new work, and let the streams come to their own ends. */
void tunnel_retire(struct tunnel *t);
/* Somebody wants it to take no new connections, sessions or streams; those that are there go on, however long. */
void tunnel_refuse_new(struct tunnel *t);
/* Another one has its place now, and is counted for both. */
void tunnel_replaced(struct tunnel *t);
/* End all links at once, having told their peers. */
void tunnel_end_links(struct tunnel *t);
/* No link is left. */
bool tunnel_is_empty(const struct tunnel *t);
/* Go on with another configuration (owned from here on) that differs in nothing that takes a
 * restart.  `changed`: it differs at all; `renew`: in what is settled when a session begins. */
void tunnel_change(struct tunnel *t, struct conf_tunnel *conf, bool changed, bool renew);
void tunnel_free(struct tunnel *t);
/* Release memory that is not needed; true: ask again. */
bool tunnel_trim(struct tunnel *t);
/* Sums over all links, present and past, since the last reset. */
void tunnel_counters(const struct tunnel *t, struct counters *out);
/* The same since its start, whatever was reset: these never fall. */
void tunnel_totals(const struct tunnel *t, struct counters *out);
/* For a sum over past and links that somebody made step by step: add what no link
 * counts, and take off what was before the last reset. */
void tunnel_settle_counters(const struct tunnel *t, struct counters *sum);
/* Let the counters start again at zero; `sum` as for tunnel_settle_counters(). */
void tunnel_reset_counters(struct tunnel *t, const struct counters *sum);
/* Bytes in all up to now. */
void tunnel_flow(const struct tunnel *t, struct flow_sample *out);

/* For the roles and the links. */
/* May a session that comes or goes be logged?  Whoever replays datagrams can cause any number
 * of them. */
bool tunnel_may_log(struct tunnel *t);
void tunnel_seal(struct tunnel *t, struct packet *pkts, size_t count);
/* Of one on `path`. */
void tunnel_session_config(struct tunnel *t, struct session_config *cfg,
			   const struct udp_path *path, uint32_t conv);
void tunnel_udp_options(const struct tunnel *t, struct udp_options *opt);
/* Say once if the kernel gave less than `sockbuf`. */
void tunnel_check_sockbuf(struct tunnel *t, const struct udp *u);
void tunnel_add_port(struct tunnel *t, struct port *p);
void tunnel_remove_port(struct tunnel *t, struct port *p);
void tunnel_add_link(struct tunnel *t, struct link *l);
void tunnel_remove_link(struct tunnel *t, struct link *l);
void tunnel_link_ended(struct tunnel *t, struct link *l);
/* It has ended, and no relay is left. */
void tunnel_reap(struct tunnel *t, struct link *l);

#endif
