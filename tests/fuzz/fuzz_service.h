/* fuzz_service.h - a client for a service whose input() and produce() were included before this. */
#ifndef KT_FUZZ_SERVICE_H
#define KT_FUZZ_SERVICE_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "config_impl.h"
#include "conn.h"
#include "report.h"

static size_t no_tunnels(void *user, struct tunnel *const **list)
{
	*list = NULL;
	return 0;
}

static const struct config *no_config(void *user)
{
	static struct conf_origin origins[KEY_COUNT];
	static const struct config config = { .daemon.origins = origins };

	return &config;
}

static struct reactor reactor;
static const struct report_source source = {
	.reactor = &reactor,
	.tunnels = no_tunnels,
	.config = no_config,
};

/* As conn.c does: requests one by one, each answered to its end. */
static void feed(struct conn *c, const uint8_t *data, size_t size)
{
	size_t at = 0;

	while (at < size && !c->closing) {
		size_t n = size - at < CONN_INPUT_MAX ? size - at : CONN_INPUT_MAX, used;
		char *exact = malloc(n); /* its end is guarded */

		assert(exact != NULL);
		memcpy(exact, data + at, n);
		used = input(c, exact, n, false);
		free(exact);
		assert(used <= n);
		while (c->producing && produce(c, 3) == CONN_MORE)
			;
		c->producing = false;
		assert(!c->out.failed);
		text_clear(&c->out);
		if (used == 0)
			break;
		at += used;
	}
}

#endif
