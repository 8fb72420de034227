/* hosts.c - the hosts that a tunnel talks to, and the path to each that its sessions share. */
#include "hosts.h"

#include <assert.h>
#include <stdlib.h>

#include "kcp_model.h"

enum { TABLE_SIZE_MIN = 16 };

static struct udp_path without_port(const struct udp_path *peer)
{
	struct udp_path address = { .peer = peer->peer, .peer_len = peer->peer_len };

	if (address.peer.sa.sa_family == AF_INET6) {
		address.peer.v6.sin6_port = 0;
		address.peer.v6.sin6_flowinfo = 0;
	} else {
		address.peer.v4.sin_port = 0;
	}
	return address;
}

bool hosts_same(const struct udp_path *a, const struct udp_path *b)
{
	struct udp_path host_a = without_port(a), host_b = without_port(b);

	return udp_path_same_peer(&host_a, &host_b);
}

/* ---- those without a user ------------------------------------------------------------- */

static void leave_idle(struct hosts *h, struct host *host)
{
	if (host->older != NULL)
		host->older->newer = host->newer;
	else
		h->oldest = host->newer;
	if (host->newer != NULL)
		host->newer->older = host->older;
	else
		h->newest = host->older;
	host->older = host->newer = NULL;
	h->idle--;
}

static void join_idle(struct hosts *h, struct host *host)
{
	host->older = h->newest;
	host->newer = NULL;
	if (host->older != NULL)
		host->older->newer = host;
	else
		h->oldest = host;
	h->newest = host;
	h->idle++;
}

/* ---- table ------------------------------------------------------------------------------ */

static struct host **bucket(const struct hosts *h, const struct udp_path *address)
{
	return &h->table[udp_path_hash(address, h->seed) & (h->table_size - 1)];
}

/* Without memory for a larger one the chains just get longer; false when there is none at all. */
static bool grow(struct hosts *h)
{
	size_t old_size = h->table_size;
	size_t size = old_size != 0 ? 2 * old_size : TABLE_SIZE_MIN;
	struct host **old = h->table, **table = calloc(size, sizeof(struct host *));

	if (table == NULL)
		return old != NULL;
	h->table = table;
	h->table_size = size;
	for (size_t i = 0; i < old_size; i++) {
		struct host *next;

		for (struct host *host = old[i]; host != NULL; host = next) {
			struct host **head = bucket(h, &host->address);

			next = host->chain;
			host->chain = *head;
			*head = host;
		}
	}
	free(old);
	return true;
}

static void forget(struct hosts *h, struct host *host)
{
	struct host **at = bucket(h, &host->address);

	assert(host->users == 0);
	while (*at != host)
		at = &(*at)->chain;
	*at = host->chain;
	leave_idle(h, host);
	h->count--;
	path_free(host->path);
	free(host);
}

static struct host *find(const struct hosts *h, const struct udp_path *address)
{
	struct host *host = h->table != NULL ? *bucket(h, address) : NULL;

	while (host != NULL && !udp_path_same_peer(&host->address, address))
		host = host->chain;
	return host;
}

static struct host *add(struct hosts *h, const struct udp_path *address)
{
	struct host *host, **head;

	if (h->count >= h->table_size && !grow(h))
		return NULL;
	host = calloc(1, sizeof(*host));
	if (host == NULL)
		return NULL;
	host->address = *address;
	host->path = path_new(&kcp_cc_model);
	if (host->path == NULL) {
		free(host);
		return NULL;
	}
	head = bucket(h, address);
	host->chain = *head;
	*head = host;
	h->count++;
	return host;
}

/* ---- use ---------------------------------------------------------------------------------- */

void hosts_init(struct hosts *h, uint64_t seed)
{
	*h = (struct hosts){ .seed = seed };
}

void hosts_dispose(struct hosts *h)
{
	while (h->oldest != NULL)
		forget(h, h->oldest);
	assert(h->count == 0);
	free(h->table);
	hosts_init(h, h->seed);
}

struct host *hosts_take(struct hosts *h, const struct udp_path *peer, uint64_t now_us)
{
	struct udp_path address = without_port(peer);
	struct host *host;

	hosts_trim(h, now_us);
	host = find(h, &address);
	if (host == NULL)
		host = add(h, &address);
	else if (host->users == 0)
		leave_idle(h, host);
	if (host != NULL)
		host->users++;
	return host;
}

void hosts_give_back(struct hosts *h, struct host *host, uint64_t now_us)
{
	if (--host->users > 0)
		return;
	host->left_us = now_us;
	join_idle(h, host);
	if (h->idle > HOSTS_IDLE_MAX)
		forget(h, h->oldest);
}

bool hosts_trim(struct hosts *h, uint64_t now_us)
{
	while (h->oldest != NULL && now_us - h->oldest->left_us > PATH_KEEP_US)
		forget(h, h->oldest);
	return h->oldest != NULL;
}
