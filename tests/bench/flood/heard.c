/* heard.c - datagrams that somebody hears pass on this host's wires.
 *
 * A file holds each with its length before it, two bytes in the order of the wire. */
#include "heard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire.h"

enum { IP_HEAD = 20, UDP_HEAD = 8, IP_PROTO_UDP = 17, BUFFER_BYTES = 4 << 20 };

void heard_init(struct heard *h)
{
	h->fd = -1;
	h->count = h->next = 0;
}

int heard_listen(struct heard *h, uint16_t port, uint32_t but)
{
	int bytes = BUFFER_BYTES;

	h->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL));
	if (h->fd < 0)
		return -errno;
	(void)setsockopt(h->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	h->port = port;
	h->but = but;
	return 0;
}

static void keep(struct heard *h, const uint8_t *p, size_t n)
{
	if (n == 0 || n > HEARD_BYTES)
		return;
	memcpy(h->bytes[h->next], p, n);
	h->len[h->next] = (uint16_t)n;
	h->next = (h->next + 1) % HEARD_MAX;
	if (h->count < HEARD_MAX)
		h->count++;
}

static unsigned be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* An IPv4 packet, if it is one.  Trains that the device is to cut are left out: they are too long. */
static void hear(struct heard *h, const uint8_t *p, size_t n)
{
	size_t head = n > 0 ? (size_t)(p[0] & 15) * 4 : 0;
	uint32_t from;

	if (n < IP_HEAD + UDP_HEAD || p[0] >> 4 != 4 || head < IP_HEAD || n < head + UDP_HEAD ||
	    p[9] != IP_PROTO_UDP || (be16(p + 6) & 0x3fff) != 0 || be16(p + head + 2) != h->port)
		return;
	memcpy(&from, p + 12, sizeof(from));
	if (from != h->but)
		keep(h, p + head + UDP_HEAD, n - head - UDP_HEAD);
}

void heard_take(struct heard *h)
{
	uint8_t bytes[2048];
	ssize_t n;

	for (int i = 0; i < HEARD_MAX && (n = recv(h->fd, bytes, sizeof(bytes), 0)) > 0; i++)
		hear(h, bytes, (size_t)n);
}

bool heard_save(const struct heard *h, const char *path)
{
	FILE *f = fopen(path, "wb");
	bool good = f != NULL;

	for (size_t i = 0; good && i < h->count; i++) {
		uint8_t len[2] = { (uint8_t)(h->len[i] >> 8), (uint8_t)h->len[i] };

		good = fwrite(len, sizeof(len), 1, f) == 1 &&
		       fwrite(h->bytes[i], h->len[i], 1, f) == 1;
	}
	return f != NULL && (fclose(f) == 0) & good;
}

bool heard_load(struct heard *h, const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t len[2], bytes[HEARD_BYTES];
	bool good = f != NULL;

	while (good && fread(len, sizeof(len), 1, f) == 1) {
		good = be16(len) <= HEARD_BYTES && fread(bytes, 1, be16(len), f) == be16(len);
		if (good)
			keep(h, bytes, be16(len));
	}
	if (f != NULL)
		fclose(f);
	return good;
}

void heard_close(struct heard *h)
{
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
}
