/* tunnel_set_impl.h - what the files of the set share; nobody else includes it. */
#ifndef KT_TUNNEL_SET_IMPL_H
#define KT_TUNNEL_SET_IMPL_H

#include "tunnel_set.h"

/* ---- tunnel_leave.c: those that another configuration has no place for ------------------ */

struct leaving_tunnel {
	struct leaving_tunnel *next;
	struct tunnel *tunnel;
	double waited_s;
};

void tunnel_leave_init(struct tunnel_set *set);
/* Its streams end in peace, but for a bounded time; with `at_once` they end now. */
void tunnel_leave(struct tunnel_set *set, struct tunnel *t, bool at_once);
/* Those that are to wait no longer, or have nothing to wait for, go now. */
void tunnel_leave_look(struct tunnel_set *set);
/* This one is to wait no longer. */
void tunnel_leave_hurry(struct leaving_tunnel *l);
void tunnel_leave_dispose(struct tunnel_set *set);

#endif
