/* clients.c - the addresses that send to the relay. */
#include "clients.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

static bool is(const struct client *c, const struct sockaddr_storage *addr, socklen_t len)
{
	return c->len == len && memcmp(&c->addr, addr, len) == 0;
}

uint32_t clients_find(struct clients *c, const struct sockaddr_storage *addr, socklen_t len)
{
	if (c->last < c->count && is(&c->all[c->last], addr, len))
		return c->last;
	for (uint32_t i = 0; i < c->count; i++) {
		if (is(&c->all[i], addr, len)) {
			c->last = i;
			return i;
		}
	}
	return CLIENTS_NONE;
}

uint32_t clients_add(struct clients *c, const struct sockaddr_storage *addr, socklen_t len, int fd)
{
	struct client *n = &c->all[c->count];

	assert(c->count < CLIENTS_MAX);
	memcpy(&n->addr, addr, len);
	n->len = len;
	n->fd = fd;
	c->last = c->count;
	return c->count++;
}
