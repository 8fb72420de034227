/* kcp_peer.h - one kcp, and who takes what leaves it and gives it what it shall hear, segment by segment. */
#ifndef KCP_PEER_H
#define KCP_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kcp.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum { CONV = 0x01020304, T0 = 10000000, MS = 1000 };

/* Takes what leaves, segment by segment. */
struct peer {
	struct kcp *k;
	uint8_t buf[1500]; /* the last datagram, and */
	size_t len;        /* its length */
	size_t cap;        /* datagrams that reserve() has room for */
	unsigned datagrams;
	size_t bytes;
	struct kcp_seg_header seg[4096];
	unsigned count;
};

static inline uint8_t *peer_reserve(void *user, size_t cap)
{
	struct peer *p = user;

	assert_true(cap <= sizeof(p->buf));
	return p->datagrams < p->cap ? p->buf : NULL;
}

static inline size_t peer_output(void *user, uint8_t *buf, size_t len)
{
	struct peer *p = user;
	const size_t all = len;

	assert_true(len >= KCP_OVERHEAD);
	p->datagrams++;
	p->bytes += len;
	p->len = len;
	while (len > 0) {
		struct kcp_seg_header *h = &p->seg[p->count++];

		assert_true(p->count < ARRAY_LEN(p->seg));
		assert_true(kcp_header_decode(h, buf, len));
		assert_int_equal(h->conv, CONV);
		buf += KCP_OVERHEAD + h->len;
		len -= KCP_OVERHEAD + h->len;
	}
	return all;
}

static inline struct kcp_config base_config(void)
{
	return (struct kcp_config){
		.conv = CONV,
		.mtu = 1024,
		.snd_wnd = 256,
		.rcv_wnd = 64,
		.nodelay = 1,
		.interval_ms = 10,
		.resend = 2,
		.stream = true,
		.reserve = peer_reserve,
		.output = peer_output,
	};
}

static inline struct peer *open_peer(struct kcp_config cfg)
{
	struct peer *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->cap = SIZE_MAX;
	cfg.user = p;
	p->k = kcp_new(&cfg, T0);
	assert_non_null(p->k);
	return p;
}

static inline void close_peer(struct peer *p)
{
	kcp_verify(p->k);
	kcp_free(p->k);
	free(p);
}

static inline bool flush_at(struct peer *p, uint64_t us)
{
	bool blocked;

	p->count = p->datagrams = 0;
	p->bytes = 0;
	blocked = kcp_flush(p->k, us);
	kcp_verify(p->k);
	return blocked;
}

static inline unsigned count_cmd(const struct peer *p, enum kcp_cmd cmd)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->count; i++)
		n += p->seg[i].cmd == cmd;
	return n;
}

/* One segment to the kcp, with these bytes. */
static inline int give_bytes(struct peer *p, uint64_t us, enum kcp_cmd cmd, uint32_t sn,
			     uint32_t una, uint32_t ts, const void *data, size_t len)
{
	static uint8_t buf[4096];
	struct kcp_seg_header h = {
		.conv = CONV,
		.cmd = (uint8_t)cmd,
		.wnd = 128,
		.ts = ts,
		.sn = sn,
		.una = una,
		.len = (uint32_t)len,
	};
	int r;

	assert_true(KCP_OVERHEAD + len <= sizeof(buf));
	kcp_header_encode(buf, &h);
	memcpy(buf + KCP_OVERHEAD, data, len);
	r = kcp_input(p->k, us, buf, KCP_OVERHEAD + len, 0);
	kcp_verify(p->k);
	return r;
}

/* With bytes that tell its number. */
static inline int give(struct peer *p, uint64_t us, enum kcp_cmd cmd, uint32_t sn, uint32_t una,
		       uint32_t ts, size_t len)
{
	uint8_t data[4000];

	assert_true(len <= sizeof(data));
	memset(data, (int)(sn & 0xff), len);
	return give_bytes(p, us, cmd, sn, una, ts, data, len);
}

static inline void give_wnd(struct peer *p, uint64_t us, uint16_t wnd, uint32_t una, unsigned flags)
{
	uint8_t buf[KCP_OVERHEAD];
	struct kcp_seg_header h = { .conv = CONV, .cmd = KCP_CMD_WINS, .wnd = wnd, .una = una };

	kcp_header_encode(buf, &h);
	assert_int_equal(kcp_input(p->k, us, buf, sizeof(buf), flags), KCP_OK);
}

static inline uint32_t ms(uint64_t us)
{
	return (uint32_t)(us / 1000);
}

/* Acknowledge segment `sn` with its ts, una staying where it is. */
static inline void ack(struct peer *p, uint64_t us, uint32_t sn, uint32_t una, uint64_t sent_us)
{
	assert_int_equal(give(p, us, KCP_CMD_ACK, sn, una, ms(sent_us), 0), KCP_OK);
}

static inline void send_bytes(struct peer *p, size_t n)
{
	static const uint8_t data[1 << 16];

	assert_true(n <= sizeof(data));
	assert_int_equal(kcp_send(p->k, data, n), KCP_OK);
}

#endif
