/* netwatch.h - the kernel tells of addresses, routes and links that change.
 *
 * On Linux it is an rtnetlink socket (rtnetlink(7)), open only while somebody wants to know.  A change comes as a burst of
 * messages: subscribers hear of it once, when no more came for 100 ms, or half a second after the first.  What was
 * changed they find out themselves: messages may be lost.  Where there is no rtnetlink, or it may not be used, nobody
 * hears anything. */
#ifndef KT_NETWATCH_H
#define KT_NETWATCH_H

struct reactor;
struct netwatch;

/* Part of whoever wants to know; zeroed but for `changed` and `user`. */
struct netwatch_listener {
	void (*changed)(void *user); /* may not add or remove listeners */
	void *user;
	struct netwatch_listener *prev, *next;
	struct netwatch *watch; /* NULL: not listening */
};

/* The reactor has one.  NULL: out of memory. */
struct netwatch *netwatch_new(struct reactor *r);
/* Nobody may be listening. */
void netwatch_free(struct netwatch *w);
void netwatch_add(struct netwatch *w, struct netwatch_listener *l);
/* One that does not listen may be removed, too. */
void netwatch_remove(struct netwatch_listener *l);

#endif
