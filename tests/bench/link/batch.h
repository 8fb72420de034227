/* batch.h - datagrams that are received or sent with one call. */
#ifndef LINKRELAY_BATCH_H
#define LINKRELAY_BATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "link.h"

enum { BATCH_MAX = 64 };

struct batch {
	struct mmsghdr msg[BATCH_MAX];
	struct iovec iov[BATCH_MAX];
	struct sockaddr_storage addr[BATCH_MAX]; /* whom it came from, or goes to */
	_Alignas(struct cmsghdr) uint8_t control[BATCH_MAX][CMSG_SPACE(sizeof(uint32_t))];
	uint8_t data[BATCH_MAX][LINK_DATA_MAX];
	unsigned count;
};

/* Receive what is there; false when that is nothing.  A datagram longer than LINK_DATA_MAX is cut,
 * but keeps its length. */
bool batch_receive(struct batch *b, int fd);
uint32_t batch_len(const struct batch *b, unsigned i);
/* The kernel's count of what it dropped at this socket, if it came with the datagram: else as it is. */
void batch_overrun(struct batch *b, unsigned i, uint32_t *dropped);

/* To `addr`, or, if that is NULL, to the address that the socket is connected to. */
void batch_add(struct batch *b, const uint8_t *data, uint32_t len,
	       const struct sockaddr_storage *addr, socklen_t addr_len);
/* Send those from `first` on that the kernel takes at once, and tell how many; 0: it will not have
 * the first one. */
unsigned batch_send(struct batch *b, int fd, unsigned first);

#endif
