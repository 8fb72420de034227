/* relay_kept.c - what a connection said first, until its server is known to be the one that its session is with.
 *
 * A server that was restarted knows nothing of a session, and says so.  A connection that began after its start
 * cannot have come to the one before: it goes over to the next session with all that it said, as if nothing
 * had been.  Whatever is heard on the session meanwhile shows that there was no restart. */
#include <stdlib.h>
#include <string.h>

#include "relay_impl.h"

enum { KEPT_MAX = 16 * 1024 }; /* a request, mostly */

static bool server_is_known(const struct relay *relay)
{
	return relay->link->heard_us > relay->attached_us;
}

void relay_kept_begin(struct relay *relay)
{
	relay->keeps = relay->tunnel->role->relay_orphaned != NULL && relay->sent == relay->kept_len;
	relay->attached_us = relay->tunnel->reactor->now_us;
}

void relay_kept_end(struct relay *relay)
{
	relay->keeps = false;
	free(relay->kept);
	relay->kept = NULL;
	relay->kept_len = 0;
}

void relay_kept_add(struct relay *relay, const uint8_t *bytes, size_t n)
{
	uint8_t *mem;

	if (!relay->keeps)
		return;
	if (server_is_known(relay) || relay->kept_len + n > KEPT_MAX ||
	    (mem = realloc(relay->kept, relay->kept_len + n)) == NULL) {
		relay_kept_end(relay);
		return;
	}
	memcpy(mem + relay->kept_len, bytes, n);
	relay->kept = mem;
	relay->kept_len += n;
}

void relay_kept_look(struct relay *relay)
{
	if (relay->keeps && server_is_known(relay))
		relay_kept_end(relay);
}

bool relay_kept_all(const struct relay *relay)
{
	const struct link *l = relay->link;
	uint64_t up_us = session_peer_uptime_ms(l->session) * UINT64_C(1000);

	return relay->keeps && relay->sent == relay->kept_len && !server_is_known(relay) &&
	       relay->received == 0 && relay->attached_us + up_us > relay->tunnel->reactor->now_us;
}

bool relay_kept_repeat(struct relay *relay)
{
	size_t done = 0;

	while (done < relay->kept_len) {
		struct span room = smux_reserve(relay->stream);
		size_t n = relay->kept_len - done < room.n ? relay->kept_len - done : room.n;

		if (n == 0)
			break;
		memcpy(room.p, relay->kept + done, n);
		smux_commit(relay->stream, n);
		done += n;
	}
	if (done == relay->kept_len && relay->up == WAY_ENDED)
		smux_shutdown(relay->stream);
	return done == relay->kept_len;
}
