/* relay_look.c - what is told of a relay, and its place among others. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "relay_impl.h"

struct tunnel *relay_tunnel(const struct relay *relay)
{
	return relay->tunnel;
}

struct relay *relay_next(const struct relay *relay)
{
	return relay->next;
}

struct relay **relay_wait_link(struct relay *relay)
{
	return &relay->wait_next;
}

bool relay_idle(const struct relay *relay)
{
	return relay->stream == NULL || smux_unread(relay->stream) == 0;
}

/* "192.0.2.1:80", or the path of a Unix socket that has one. */
static void peer_text(const struct relay *relay, char out[static RELAY_PEER_TEXT])
{
	struct sockaddr_un un = { .sun_family = AF_UNSPEC };
	socklen_t len = sizeof(un);

	out[0] = '\0';
	if (relay->local.peer_len > 0)
		udp_path_text(&relay->local, out);
	else if (relay->fd >= 0 && getpeername(relay->fd, (struct sockaddr *)&un, &len) == 0 &&
		 un.sun_family == AF_UNIX)
		snprintf(out, RELAY_PEER_TEXT, "%.*s", (int)sizeof(un.sun_path),
			 un.sun_path[0] != '\0' ? un.sun_path : "unix");
}

static const char *state_text(const struct relay *relay)
{
	if (relay->fd < 0)
		return "connecting";
	if (relay->up == WAY_ENDED)
		return relay->down == WAY_ENDED ? "closing" : "local-closed";
	return relay->down == WAY_ENDED ? "far-closed" : "open";
}

uint32_t relay_sid(const struct relay *relay)
{
	return relay->stream != NULL ? smux_sid(relay->stream) : 0;
}

const char *relay_id(const struct relay *relay, char buf[static RELAY_ID_BYTES])
{
	char id[LINK_ID_BYTES];

	snprintf(buf, RELAY_ID_BYTES, "%s/%" PRIu32, link_id(relay->link, id), relay_sid(relay));
	return buf;
}

void relay_get_info(const struct relay *relay, struct relay_info *info)
{
	*info = (struct relay_info){
		.state = state_text(relay),
		.opened_us = relay->opened_us,
		.active_us = relay->active_us,
		.sent = relay->sent,
		.received = relay->received,
	};
	peer_text(relay, info->peer);
	info->sid = relay_sid(relay);
	if (relay->stream == NULL)
		return;
	info->unsent_bytes = smux_unsent(relay->stream);
	info->unread_bytes = smux_unread(relay->stream);
}
