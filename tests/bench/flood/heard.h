/* heard.h - datagrams that somebody hears pass on this host's wires: recorded, and kept in a file for later. */
#ifndef FLOOD_HEARD_H
#define FLOOD_HEARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEARD_MAX = 4096, HEARD_BYTES = 1500 };

struct heard {
	int fd; /* -1: nobody listens */
	uint16_t port;
	uint32_t but;       /* from this address nothing is taken; in the order of the network */
	size_t count, next; /* of the ring: so many, and where the next one goes */
	uint16_t len[HEARD_MAX];
	uint8_t bytes[HEARD_MAX][HEARD_BYTES];
};

/* All that is empty; `count` and `fd` are all that matters. */
void heard_init(struct heard *h);
/* Listen to what goes by UDP over IPv4 to this port, on all devices, but from one address.  0 or -errno. */
int heard_listen(struct heard *h, uint16_t port, uint32_t but);
/* Take what came, without waiting. */
void heard_take(struct heard *h);
/* False, with errno, when it cannot be written, or is no such file. */
bool heard_save(const struct heard *h, const char *path);
bool heard_load(struct heard *h, const char *path);
void heard_close(struct heard *h);

#endif
