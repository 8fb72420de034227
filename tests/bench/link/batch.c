/* batch.c - datagrams that are received or sent with one call. */
#include "batch.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static void prepare(struct batch *b, unsigned i, size_t len)
{
	b->iov[i] = (struct iovec){ b->data[i], len };
	b->msg[i].msg_hdr = (struct msghdr){ .msg_iov = &b->iov[i], .msg_iovlen = 1 };
}

bool batch_receive(struct batch *b, int fd)
{
	int n;

	for (unsigned i = 0; i < BATCH_MAX; i++) {
		struct msghdr *h = &b->msg[i].msg_hdr;

		prepare(b, i, sizeof(b->data[i]));
		h->msg_name = &b->addr[i];
		h->msg_namelen = sizeof(b->addr[i]);
		h->msg_control = b->control[i];
		h->msg_controllen = sizeof(b->control[i]);
	}
	do {
		n = recvmmsg(fd, b->msg, BATCH_MAX, MSG_DONTWAIT | MSG_TRUNC, NULL);
	} while (n < 0 && (errno == EINTR || errno == ECONNREFUSED));
	b->count = n > 0 ? (unsigned)n : 0;
	return n > 0;
}

uint32_t batch_len(const struct batch *b, unsigned i)
{
	return b->msg[i].msg_len;
}

void batch_overrun(struct batch *b, unsigned i, uint32_t *dropped)
{
	struct msghdr *h = &b->msg[i].msg_hdr;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL)
			memcpy(dropped, CMSG_DATA(c), sizeof(*dropped));
}

void batch_add(struct batch *b, const uint8_t *data, uint32_t len,
	       const struct sockaddr_storage *addr, socklen_t addr_len)
{
	unsigned i = b->count++;

	assert(i < BATCH_MAX && len <= sizeof(b->data[i]));
	memcpy(b->data[i], data, len);
	prepare(b, i, len);
	if (addr != NULL) {
		b->addr[i] = *addr;
		b->msg[i].msg_hdr.msg_name = &b->addr[i];
		b->msg[i].msg_hdr.msg_namelen = addr_len;
	}
}

unsigned batch_send(struct batch *b, int fd, unsigned first)
{
	int n;

	do {
		n = sendmmsg(fd, b->msg + first, b->count - first, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n > 0 ? (unsigned)n : 0;
}
