/* udp_recv.c - receiving batches of datagrams.
 *
 * The memory is used in one of three ways:
 *   recvmmsg, GRO:  16 messages of 64 KiB, each holding up to 64 datagrams of one peer;
 *   recvmmsg alone: 64 messages of 2 KiB, so that a batch is dense in the cache;
 *   recvmsg:        one message after the other, each right behind what the last one left.
 * It is malloc's and touched only as far as datagrams fill it. */
#include "udp_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "socket.h"

enum {
	RX_BUF = 65536, /* holds any datagram, and any train of them that GRO makes */
	RX_BUFS = UDP_RECV_MAX / UDP_RECV_MIN,
	RX_MEM = RX_BUFS * RX_BUF,
	RX_SLOT = 2048, /* > PACKET_MTU_MAX: what it cuts is still seen to be too long */
	RX_MSGS = 64,
	RX_ALIGN = 64,
	RX_ERRORS_MAX = 4, /* errors taken from the socket in one udp_recv() */
};

struct udp_rx {
	uint8_t *mem;
	struct udp_msg msg[RX_MSGS];
	struct iovec iov[RX_MSGS];
	union udp_sockaddr name[RX_MSGS];
	union udp_ctl ctl[RX_MSGS];
};

/* Where received packets go. */
struct sink {
	struct udp *u;
	struct packet *pkts;
	struct udp_path *paths;
	size_t max, count;
};

struct udp_rx *udp_rx_new(void)
{
	struct udp_rx *rx = malloc(sizeof(*rx));

	if (rx == NULL)
		return NULL;
	rx->mem = malloc(RX_MEM);
	if (rx->mem == NULL) {
		free(rx);
		return NULL;
	}
	return rx;
}

void udp_rx_free(struct udp_rx *rx)
{
	if (rx == NULL)
		return;
	free(rx->mem);
	free(rx);
}

static void note_error(struct udp *u, int err)
{
	u->stats.recv_errs++;
	u->stats.last_errno = err;
}

static void prepare(const struct udp *u, struct udp_rx *rx, size_t i, uint8_t *buf, size_t size)
{
	rx->iov[i] = (struct iovec){ .iov_base = buf, .iov_len = size };
	rx->msg[i].msg_hdr = (struct msghdr){ .msg_iov = &rx->iov[i], .msg_iovlen = 1 };
	if (!u->connected) {
		rx->msg[i].msg_hdr.msg_name = &rx->name[i];
		rx->msg[i].msg_hdr.msg_namelen = sizeof(rx->name[i]);
	}
	if (!u->connected || u->features & UDP_GRO) {
		rx->msg[i].msg_hdr.msg_control = &rx->ctl[i];
		rx->msg[i].msg_hdr.msg_controllen = sizeof(rx->ctl[i]);
	}
}

/* One system call: the number of messages, or -errno. */
static int call_once(struct udp *u, struct udp_rx *rx, size_t want)
{
	ssize_t r;

	u->stats.recv_calls++;
#ifdef UDP_HAVE_MMSG
	if (u->features & UDP_MMSG) {
		int n = recvmmsg(u->fd, rx->msg, (unsigned)want, 0, NULL);

		return n < 0 ? -errno : n;
	}
#endif
	(void)want;
	r = recvmsg(u->fd, &rx->msg[0].msg_hdr, 0);
	if (r < 0)
		return -errno;
	rx->msg[0].msg_len = (unsigned)r;
	return 1;
}

/* Read past errors: on a connected socket they are ICMP's answers to earlier sends, and
 * behind them datagrams may wait.  The number of messages, 0: nothing there. */
static size_t call(struct udp *u, struct udp_rx *rx, size_t want)
{
	u->failing = false;
	for (int errors = 0; errors < RX_ERRORS_MAX;) {
		int n = call_once(u, rx, want);

		if (n >= 0)
			return (size_t)n;
		if (socket_would_block(-n))
			return 0;
		if (n == -ENOSYS && u->features & UDP_MMSG) {
			u->features &= ~(unsigned)UDP_MMSG;
			continue;
		}
		errors++;
		if (n != -EINTR)
			note_error(u, -n);
	}
	u->failing = true;
	return 0;
}

/* The size of the datagrams that GRO joined, all but the last; `len` for a single one. */
static size_t segment_size(const struct udp *u, struct msghdr *m, size_t len)
{
#ifdef UDP_HAVE_OFFLOAD
	if (!(u->features & UDP_GRO))
		return len;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		int size;

		if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_OPT_GRO)
			continue;
		memcpy(&size, CMSG_DATA(c), sizeof(size));
		return size > 0 && (size_t)size < len ? (size_t)size : len;
	}
#else
	(void)u;
	(void)m;
#endif
	return len;
}

/* Where a message came from.  Port 0 cannot be answered, and a send to it is an error. */
static bool find_path(struct udp_path *p, const struct msghdr *m)
{
	return udp_path_from_msg(p, m) && p->peer.v4.sin_port != 0;
}

/* Cut a message into its datagrams. */
static void deliver(struct sink *s, struct udp_msg *m)
{
	struct udp_stats *stats = &s->u->stats;
	uint8_t *data = m->msg_hdr.msg_iov->iov_base;
	size_t len = m->msg_len;
	size_t size = segment_size(s->u, &m->msg_hdr, len);
	struct udp_path from;

	stats->in_bytes += len;
	stats->in_pkts += len > 0 ? (len + size - 1) / size : 1;
	if (len == 0 || (!s->u->connected && !find_path(&from, &m->msg_hdr)))
		return;
	for (size_t at = 0; at < len; at += size) {
		struct packet *pkt = &s->pkts[s->count];

		if (s->count == s->max) {
			note_error(s->u, ENOBUFS);
			return;
		}
		*pkt = (struct packet){ .data = data + at, .len = len - at < size ? len - at : size };
		if (!s->u->connected) {
			s->paths[s->count] = from;
			pkt->path = &s->paths[s->count];
		}
		s->count++;
	}
}

static size_t at_most(size_t n, size_t limit)
{
	return n < limit ? n : limit;
}

/* One recvmmsg.  True when it filled all that it was given. */
static bool receive_many(struct udp_rx *rx, struct sink *s)
{
	bool gro = s->u->features & UDP_GRO;
	size_t size = gro ? RX_BUF : RX_SLOT;
	size_t want = gro ? at_most(s->max / UDP_RECV_MIN, RX_BUFS) : at_most(s->max, RX_MSGS);
	size_t n;

	if (want == 0)
		want = 1;
	for (size_t i = 0; i < want; i++)
		prepare(s->u, rx, i, rx->mem + i * size, size);
	n = call(s->u, rx, want);
	for (size_t i = 0; i < n; i++)
		deliver(s, &rx->msg[i]);
	return n == want;
}

/* Calls of recvmsg until nothing is there (false) or there is no room left.  The count of
 * calls is bound too, because empty datagrams take no room. */
static bool receive_each(struct udp_rx *rx, struct sink *s)
{
	size_t per_call = s->u->features & UDP_GRO ? UDP_RECV_MIN : 1;
	size_t used = 0;

	for (size_t calls = 0; calls < s->max && used + RX_BUF <= RX_MEM; calls++) {
		if (s->count > 0 && s->count + per_call > s->max)
			break;
		prepare(s->u, rx, 0, rx->mem + used, RX_BUF);
		if (call(s->u, rx, 1) == 0)
			return false;
		deliver(s, &rx->msg[0]);
		used += (rx->msg[0].msg_len + RX_ALIGN - 1) / RX_ALIGN * RX_ALIGN;
	}
	return true;
}

size_t udp_recv(struct udp *u, struct udp_rx *rx, struct packet *pkts, struct udp_path *paths,
		size_t max, bool *more)
{
	struct sink s = { .u = u, .pkts = pkts, .paths = paths, .max = max };

	if (max == 0)
		*more = true;
	else if (u->features & UDP_MMSG)
		*more = receive_many(rx, &s);
	else
		*more = receive_each(rx, &s);
	return s.count;
}
