/* binding.h - the sockets of an address to listen on, opened before anybody uses them.
 *
 * An address of the configuration may stand for several sockets: a name for several addresses,
 * a range for several ports.  What a name stands for is asked without blocking; then
 * all sockets are opened, or none.  Addresses that this machine does not have are left out, as
 * long as there is one that it has: /etc/hosts may give localhost an IPv6 address in vain.
 *
 * A socket that another part of this process still uses cannot be opened beside it.  Whoever is to
 * take its place tells by `held` what there is: such a socket is only noted.  It is taken over from its
 * holder, with all that waits in it; or if that one is merely in the way, opened when it has closed its own. */
#ifndef KT_BINDING_H
#define KT_BINDING_H

#include <sys/stat.h>

#include "config.h"
#include "reactor.h"
#include "socket.h"
#include "udp.h"

enum { BINDING_WHY_BYTES = 512 };

struct bound {
	struct sockaddr_storage addr; /* as it was asked for */
	struct conf_rights rights;    /* of a Unix socket's file */
	enum socket_place held; /* not open: somebody who will give it up has it, or is in its way */
	int fd;                 /* of streams, and it listens; -1: none */
	struct udp udp;         /* of datagrams; its fd likewise */
	dev_t device;           /* of a Unix socket's file */
	ino_t inode;            /* 0: not known, or none */
};

/* The kind of holder that `addr` has among those who will give it up. */
typedef enum socket_place binding_held_fn(void *user, const struct sockaddr_storage *addr);

struct binding_spec {
	const struct conf_addr *at; /* borrowed as long as the binding lives */
	bool datagrams;
	struct udp_options udp;
	binding_held_fn *held; /* NULL: nobody holds anything */
	void *held_user;
};

enum binding_end {
	BINDING_OPEN,    /* but for what is held */
	BINDING_NO_NAME, /* nothing is known of the host's name now */
	BINDING_FAILED,
};

/* `why` is a sentence, or NULL when all is open.  The binding may be freed here. */
typedef void binding_done_fn(void *user, enum binding_end end, const char *why);

struct binding {
	struct bound *list; /* whoever takes a socket leaves -1 in its place */
	size_t count;
	char why[BINDING_WHY_BYTES];

	struct reactor *reactor; /* this and what follows is private */
	struct binding_spec spec;
	enum udp_step step; /* at which a socket of datagrams was refused */
	struct resolve_query *query;
	ev_timer soon;
	binding_done_fn *done;
	void *user;
};

/* `done` is called once, from the loop and never before this returns.  NULL: out of memory. */
struct binding *binding_start(struct reactor *r, const struct binding_spec *spec,
			      binding_done_fn *done, void *user);
/* Open what somebody was in the way of. */
bool binding_open_in_way(struct binding *b);
/* Open what was held and was not taken over.  False: why it could not be is in b->why. */
bool binding_complete(struct binding *b);
/* Closes what nobody took; `done` will not be called.  NULL is fine. */
void binding_free(struct binding *b);
/* Of a Unix socket that is bound to `path`, made elsewhere: its address and its file. */
void bound_note_path(struct bound *s, const char *path);
/* Open one socket at s->addr, of datagrams with these options, or with NULL of streams.  0 or errno. */
int bound_open(struct bound *s, const struct udp_options *udp);
/* Close one socket, and remove its path unless that is another's by now. */
void bound_close(struct bound *s);

#endif
