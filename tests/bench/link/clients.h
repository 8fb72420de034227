/* clients.h - the addresses that send to the relay, each with a socket of its own towards the server,
 * by which the server tells them apart. */
#ifndef LINKRELAY_CLIENTS_H
#define LINKRELAY_CLIENTS_H

#include <stdint.h>
#include <sys/socket.h>

/* None goes as long as the relay lives: more than these are turned away. */
enum { CLIENTS_MAX = 256, CLIENTS_NONE = CLIENTS_MAX };

struct client {
	struct sockaddr_storage addr;
	socklen_t len;
	int fd;           /* connected to the server */
	uint32_t dropped; /* by the kernel at this socket */
};

struct clients {
	struct client all[CLIENTS_MAX];
	uint32_t count, last; /* the one found last, who will be back soon */
};

/* Who has this address; CLIENTS_NONE: nobody yet. */
uint32_t clients_find(struct clients *c, const struct sockaddr_storage *addr, socklen_t len);
/* One more, with that socket; there has to be room. */
uint32_t clients_add(struct clients *c, const struct sockaddr_storage *addr, socklen_t len, int fd);

#endif
