/* relay_look.c - what is told of a relay, and its place among others. */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "relay_impl.h"

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
static void peer_text(int fd, char out[static RELAY_PEER_TEXT])
{
	union {
		struct sockaddr sa;
		struct sockaddr_un un;
		struct sockaddr_storage any;
	} at = { .any = { 0 } };
	socklen_t len = sizeof(at);
	struct udp_path path;

	out[0] = '\0';
	if (fd < 0 || getpeername(fd, &at.sa, &len) != 0)
		return;
	if (at.sa.sa_family == AF_UNIX)
		snprintf(out, RELAY_PEER_TEXT, "%.*s", (int)sizeof(at.un.sun_path),
			 at.un.sun_path[0] != '\0' ? at.un.sun_path : "unix");
	else if (udp_path_init(&path, &at.sa, len))
		udp_path_text(&path, out);
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

void relay_get_info(const struct relay *relay, struct relay_info *info)
{
	*info = (struct relay_info){
		.state = state_text(relay),
		.opened_us = relay->opened_us,
		.active_us = relay->active_us,
		.sent = relay->sent,
		.received = relay->received,
	};
	peer_text(relay->fd, info->peer);
	info->sid = relay_sid(relay);
	if (relay->stream == NULL)
		return;
	info->unsent_bytes = smux_unsent(relay->stream);
	info->unread_bytes = smux_unread(relay->stream);
}
