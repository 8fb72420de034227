/* udp_send.c - sending batches of datagrams.
 *
 * Consecutive packets of one path and one size become one GSO message (the last may be
 * shorter), and up to 64 messages one sendmmsg.  The kernel takes the packets from where they
 * lie: nothing is copied here. */
#include "udp_impl.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "socket.h"
#include "wire.h"

enum {
	TX_MSGS = 64,           /* messages per system call */
	GSO_SEGS_MAX = 64,      /* the kernel's limit before Linux 6.9 */
	GSO_BYTES_MAX = 65507,  /* a whole GSO message must be a valid datagram */
	GSO_FAILS_MAX = 8,      /* refusals in a row that switch GSO off */
	GSO_REST_CALLS = 10000, /* system calls until it is tried again */
};

/* What one system call needs. */
struct tx {
	size_t count;
	struct udp_msg msg[TX_MSGS];
	union udp_ctl ctl[TX_MSGS];
	struct iovec iov[BATCH_MAX];
};

/* Progress through an array of packets. */
struct run {
	struct udp *u;
	const struct packet *v;
	size_t n, done;
	size_t end;       /* of those that may be cut by IP like the one ahead, or not */
	size_t plain;     /* packets ahead to send without GSO: their GSO message was refused */
	bool gso_suspect; /* whether GSO was to blame shows when they go alone */
	bool retried;     /* the message ahead has met an error before */
};

/* Paths are copied: a session may be gone before the socket takes its last packets. */
struct backlog {
	struct batch batch;
	size_t head; /* packets before it went out */
	struct udp_path paths[BATCH_MAX];
};

static void note_error(struct udp *u, int err)
{
	u->stats.send_errs++;
	u->stats.last_errno = err;
}

/* ---- messages ---- */

static bool same_path(const struct udp *u, const struct packet *a, const struct packet *b)
{
	return u->connected || a->path == b->path || udp_path_equal(a->path, b->path);
}

/* The number of packets at p[0 .. n) that can share a message.  An empty one cannot:
 * segmentation would make no datagram of it. */
static size_t group_size(const struct udp *u, const struct packet *p, size_t n)
{
	size_t total = p[0].len, i = 1;

	if (!(u->features & UDP_GSO) || p[0].may_fragment || p[0].alone)
		return 1;
	for (; i < n && i < GSO_SEGS_MAX && p[i - 1].len == p[0].len; i++) {
		if (p[i].len == 0 || p[i].len > p[0].len || p[i].alone ||
		    total + p[i].len > GSO_BYTES_MAX)
			break;
		if (!same_path(u, &p[0], &p[i]))
			break;
		total += p[i].len;
	}
	return i;
}

static size_t put_segment_size(struct cmsghdr *c, size_t bytes)
{
#ifdef UDP_HAVE_OFFLOAD
	uint16_t size = (uint16_t)bytes;

	c->cmsg_level = IPPROTO_UDP;
	c->cmsg_type = UDP_OPT_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(c), &size, sizeof(size));
	return CMSG_SPACE(sizeof(size));
#else
	(void)c;
	(void)bytes;
	return 0;
#endif
}

/* Control data of a message of `n` packets from p, in `ctl`; returns its size. */
static size_t fill_control(const struct udp *u, union udp_ctl *ctl, const struct packet *p, size_t n)
{
	size_t used = 0;

	if (u->connected && n == 1)
		return 0;
	memset(ctl, 0, sizeof(*ctl)); /* the padding goes to the kernel too */
	if (!u->connected)
		used = udp_path_put_source(p->path, (struct cmsghdr *)(void *)ctl->bytes);
	if (n > 1)
		used += put_segment_size((struct cmsghdr *)(void *)(ctl->bytes + used), p->len);
	return used;
}

/* Message m of tx: `n` packets from p, whose bytes iov describes. */
static void fill_message(const struct udp *u, struct tx *tx, size_t m, struct iovec *iov,
			 const struct packet *p, size_t n)
{
	struct msghdr *h = &tx->msg[m].msg_hdr;
	size_t control;

	*h = (struct msghdr){ .msg_iov = iov, .msg_iovlen = (__typeof__(h->msg_iovlen))n };
	if (!u->connected) {
		const struct udp_path *path = p->path;

		assert(path != NULL);
		h->msg_name = (void *)(uintptr_t)&path->peer;
		h->msg_namelen = path->peer_len;
	}
	control = fill_control(u, &tx->ctl[m], p, n);
	if (control > 0) {
		h->msg_control = tx->ctl[m].bytes;
		h->msg_controllen = (__typeof__(h->msg_controllen))control;
	}
	for (size_t i = 0; i < n; i++)
		iov[i] = (struct iovec){ .iov_base = p[i].data, .iov_len = p[i].len };
}

static void build(const struct run *r, struct tx *tx)
{
	size_t end = r->plain > 0 ? r->done + r->plain : r->end;
	struct iovec *iov = tx->iov;

	tx->count = 0;
	for (size_t at = r->done; at < end && tx->count < TX_MSGS;) {
		size_t n = r->plain > 0 ? 1 : group_size(r->u, &r->v[at], end - at);

		fill_message(r->u, tx, tx->count++, iov, &r->v[at], n);
		at += n;
		iov += n;
	}
}

/* ---- system calls ---- */

/* Messages that went out, from tx->msg[at] on, or -errno. */
static int call(struct udp *u, struct tx *tx, size_t at)
{
	u->stats.send_calls++;
#ifdef UDP_HAVE_MMSG
	if (u->features & UDP_MMSG) {
		int n = sendmmsg(u->fd, tx->msg + at, (unsigned)(tx->count - at), 0);

		return n < 0 ? -errno : n;
	}
#endif
	return sendmsg(u->fd, &tx->msg[at].msg_hdr, 0) < 0 ? -errno : 1;
}

static void note_sent(struct run *r, size_t packets)
{
	r->u->stats.out_pkts += packets;
	for (size_t i = 0; i < packets; i++)
		r->u->stats.out_bytes += r->v[r->done + i].len;
	r->done += packets;
	r->retried = false;
}

static void gso_failed(struct udp *u)
{
	if (++u->gso_fails < GSO_FAILS_MAX)
		return;
	u->features &= ~(unsigned)UDP_GSO;
	u->gso_retry_at = u->stats.send_calls + GSO_REST_CALLS;
}

/* One refusal is enough to switch it off once more. */
static void gso_retry(struct udp *u)
{
	if (u->gso_retry_at == 0 || u->stats.send_calls < u->gso_retry_at)
		return;
	u->features |= UDP_GSO;
	u->gso_retry_at = 0;
	u->gso_fails = GSO_FAILS_MAX - 1;
}

/* A message of `packets` packets went out: what it tells about GSO. */
static void message_sent(struct run *r, size_t packets)
{
	note_sent(r, packets);
	if (packets > 1)
		r->u->gso_fails = 0;
	if (r->plain == 0)
		return;
	r->plain--;
	if (r->gso_suspect)
		gso_failed(r->u);
	r->gso_suspect = false;
}

/* Send the messages of tx.  0, or the errno of the one that did not go. */
static int push(struct run *r, struct tx *tx)
{
	for (size_t at = 0; at < tx->count;) {
		int n = call(r->u, tx, at);

		if (n <= 0)
			return n < 0 ? -n : EAGAIN;
		for (; n > 0; n--, at++)
			message_sent(r, (size_t)tx->msg[at].msg_hdr.msg_iovlen);
	}
	return 0;
}

/* ---- errors ---- */

/* How kernels refuse GSO: segments above the device's MTU, a device or a transform
 * (IPsec) that cannot.  Ordinary reasons give the same codes, so it is only a suspicion. */
static bool may_be_gso(int err)
{
	return err == EINVAL || err == EIO || err == EMSGSIZE || err == EOPNOTSUPP;
}

/* On a connected socket an error may be ICMP's answer to an earlier datagram; the one
 * that met it is whole and deserves its try.  Not so ENOBUFS and ENOMEM: they are
 * about this one, a second try at once would meet them again, and no wake-up tells when the
 * device's queue has room.  KCP resends. */
static bool may_be_stale(int err)
{
	return err != ENOBUFS && err != ENOMEM;
}

/* Decide about the message ahead, of `packets` packets, that met `err`.
 * False: wait until the socket is writable. */
static bool recover(struct run *r, size_t packets, int err)
{
	struct udp *u = r->u;

	if (socket_would_block(err))
		return false;
	if (err == EINTR)
		return true;
	if (err == ENOSYS && u->features & UDP_MMSG) {
		u->features &= ~(unsigned)UDP_MMSG;
		return true;
	}
	if (packets > 1 && may_be_gso(err)) {
		r->plain = packets;
		r->gso_suspect = true;
		return true;
	}
	if (err == EMSGSIZE)
		u->stats.too_long++;
	else
		note_error(u, err);
	r->gso_suspect = false;
	if (u->connected && !r->retried && may_be_stale(err)) {
		r->retried = true;
		return true;
	}
	r->retried = false;
	r->done += packets;
	r->plain -= r->plain > 0 ? 1 : 0;
	return true;
}

/* The packets at the head of what is left that the message ahead holds. */
static size_t ahead(const struct run *r)
{
	return r->plain > 0 ? 1 : group_size(r->u, &r->v[r->done], r->end - r->done);
}

/* Go on with packets of one kind, if those before are out. */
static void next_kind(struct run *r)
{
	bool may = r->v[r->done].may_fragment;

	if (r->done < r->end)
		return;
	while (r->end < r->n && r->v[r->end].may_fragment == may)
		r->end++;
	udp_set_fragments(r->u, may);
}

/* How many packets were dealt with, sent or lost; fewer than n: the socket is full. */
static size_t transmit(struct udp *u, const struct packet *v, size_t n)
{
	struct run r = { .u = u, .v = v, .n = n };
	struct tx tx;

	gso_retry(u);
	while (r.done < r.n) {
		int err;

		next_kind(&r);
		build(&r, &tx);
		err = push(&r, &tx);
		if (err != 0 && !recover(&r, ahead(&r), err))
			break;
	}
	udp_set_fragments(u, false);
	return r.done;
}

/* ---- backlog ---- */

static struct backlog *backlog_of(struct udp *u, struct packet_pool *pool)
{
	struct backlog *bl;

	if (u->backlog != NULL)
		return container_of(u->backlog, struct backlog, batch);
	bl = malloc(sizeof(*bl));
	if (bl == NULL)
		return NULL;
	batch_init(&bl->batch, pool);
	bl->head = 0;
	u->backlog = &bl->batch;
	return bl;
}

/* Take over the packet's buffer.  Packets that own none are views that will not last. */
static bool keep_packet(struct udp *u, struct backlog *bl, struct packet *pkt)
{
	size_t i;

	if (bl == NULL || bl->batch.count == BATCH_MAX || pkt->mem == NULL)
		return false;
	i = bl->batch.count++;
	bl->batch.v[i] = *pkt;
	bl->batch.v[i].path = NULL;
	if (!u->connected) {
		bl->paths[i] = *(const struct udp_path *)pkt->path;
		bl->batch.v[i].path = &bl->paths[i];
	}
	pkt->mem = NULL;
	return true;
}

static void keep(struct udp *u, struct batch *b, size_t from)
{
	struct backlog *bl = backlog_of(u, b->pool);

	assert(bl == NULL || bl->batch.pool == b->pool);
	for (size_t i = from; i < b->count; i++)
		if (!keep_packet(u, bl, &b->v[i]))
			note_error(u, ENOBUFS);
}

void udp_backlog_drop(struct udp *u)
{
	if (u->backlog != NULL) {
		batch_clear(u->backlog);
		free(container_of(u->backlog, struct backlog, batch));
	}
	u->backlog = NULL;
	u->blocked = false;
}

/* Give the buffers of what went out back at once: a slow socket must not hold them. */
static void backlog_advance(struct backlog *bl, size_t packets)
{
	for (; packets > 0; packets--) {
		struct packet *pkt = &bl->batch.v[bl->head++];

		packet_pool_put(bl->batch.pool, pkt->mem);
		pkt->mem = NULL;
	}
}

bool udp_send_backlog(struct udp *u)
{
	if (u->backlog != NULL) {
		struct backlog *bl = container_of(u->backlog, struct backlog, batch);
		size_t left = bl->batch.count - bl->head;

		backlog_advance(bl, transmit(u, bl->batch.v + bl->head, left));
		if (bl->head < bl->batch.count)
			return false;
	}
	udp_backlog_drop(u);
	return true;
}

void udp_send(struct udp *u, struct batch *b)
{
	size_t done = u->blocked ? 0 : transmit(u, b->v, b->count);

	if (done < b->count) {
		u->blocked = true;
		keep(u, b, done);
	}
	batch_clear(b);
}
