/* relay_proxy.c - the header that a target gets before the stream's bytes, where it wants one.
 *
 * It is no byte of the stream, and counts as none.  Nearly always the socket of a fresh connection takes all of it at once; what it
 * does not take waits here, with the watcher of a full socket running, so that nothing overtakes it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "proxy_header.h"
#include "relay_impl.h"
#include "socket.h"

struct relay_header {
	uint8_t bytes[PROXY_HEADER_MAX];
	size_t len, sent;
};

static void make(const struct relay *relay, struct relay_header *h)
{
	const struct link *l = relay->link;
	struct sockaddr_storage bound = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(bound);

	/* A socket that is closed for a moment is nowhere. */
	if (getsockname(l->port->udp.fd, (struct sockaddr *)&bound, &len) != 0)
		bound.ss_family = AF_UNSPEC;
	h->len = proxy_header_encode(h->bytes, &l->path, &bound);
	h->sent = 0;
}

/* Write as much as the socket takes. */
static enum relay_happening write_some(struct relay *relay, struct relay_header *h)
{
	ssize_t put = send(relay->fd, h->bytes + h->sent, h->len - h->sent, MSG_NOSIGNAL);

	if (put >= 0) {
		h->sent += (size_t)put;
		return RELAY_NOTHING;
	}
	if (socket_would_block(errno) || errno == EINTR)
		return RELAY_NOTHING;
	relay->error = errno;
	return RELAY_LOCAL_FAILED;
}

static enum relay_happening keep(struct relay *relay, const struct relay_header *h)
{
	relay->header = malloc(sizeof(*h));
	if (relay->header == NULL) {
		relay_blame(relay, RELAY_NO_RESOURCES);
		return RELAY_LOCAL_FAILED;
	}
	*relay->header = *h;
	ev_io_start(relay_loop(relay), &relay->writable);
	return RELAY_NOTHING;
}

enum relay_happening relay_proxy_begin(struct relay *relay)
{
	struct relay_header h;
	enum relay_happening met;

	make(relay, &h);
	met = write_some(relay, &h);
	return met == RELAY_NOTHING && h.sent < h.len ? keep(relay, &h) : met;
}

enum relay_happening relay_proxy_go_on(struct relay *relay)
{
	enum relay_happening met = write_some(relay, relay->header);

	if (relay->header->sent == relay->header->len)
		relay_proxy_end(relay);
	return met;
}

void relay_proxy_end(struct relay *relay)
{
	free(relay->header);
	relay->header = NULL;
}
