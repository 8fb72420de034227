/* kinds.c - what a flood is made of.
 *
 * Of those without the key: noise, what has the form of a datagram, and what was heard before.  Of those with it, who are
 * no clients: conversations without end that nobody goes on with, and all that a peer can say in one. */
#include "kinds.h"

#include <string.h>

#include "kcp.h"
#include "smux.h"
#include "wire.h"

enum {
	PLAIN_MAX = 1400,
	ACKS = 20,   /* in a datagram */
	FRAMES = 12, /* in a segment */
	FAR = 2048,  /* segments beyond the next, about as many as a window has, and more */
	WND = 1024,
};

static uint64_t draw(struct maker *m)
{
	m->rng ^= m->rng << 13;
	m->rng ^= m->rng >> 7;
	m->rng ^= m->rng << 17;
	return m->rng;
}

static uint32_t below(struct maker *m, uint32_t limit)
{
	return (uint32_t)((draw(m) >> 32) * limit >> 32);
}

static void noise(struct maker *m, uint8_t *p, size_t n)
{
	for (; n >= 8; p += 8, n -= 8) {
		uint64_t word = draw(m);

		memcpy(p, &word, 8);
	}
	while (n > 0)
		p[--n] = (uint8_t)draw(m);
}

/* ---- without the key ------------------------------------------------------------------- */

static void fill_garbage(struct maker *m, unsigned source, struct packet *pkt)
{
	pkt->len = 1 + below(m, PLAIN_MAX);
	noise(m, pkt->data, pkt->len);
}

static void fill_heard(struct maker *m, unsigned source, struct packet *pkt)
{
	size_t i = m->turn++ % m->heard->count;

	pkt->len = m->heard->len[i];
	memcpy(pkt->data, m->heard->bytes[i], pkt->len);
}

/* ---- with it ---------------------------------------------------------------------------- */

static void put(struct packet *pkt, const struct kcp_seg_header *h)
{
	kcp_header_encode(pkt->data + pkt->len, h);
	pkt->len += KCP_OVERHEAD;
}

static void put_frame(struct packet *pkt, enum smux_cmd cmd, uint32_t sid, uint16_t length)
{
	uint8_t *p = pkt->data + pkt->len;

	p[0] = 2;
	p[1] = (uint8_t)cmd;
	store_le16(p + 2, length);
	store_le32(p + 4, sid);
	memset(p + SMUX_HEADER, 0, length);
	pkt->len += SMUX_HEADER + length;
}

/* A segment of frames that say nothing. */
static void put_push(struct packet *pkt, uint32_t conv, uint32_t sn, uint32_t una, unsigned frames)
{
	struct kcp_seg_header h = {
		.conv = conv,
		.cmd = KCP_CMD_PUSH,
		.wnd = WND,
		.sn = sn,
		.una = una,
		.len = frames * SMUX_HEADER,
	};

	put(pkt, &h);
	for (unsigned i = 0; i < frames; i++)
		put_frame(pkt, SMUX_NOP, 0, 0);
}

static void fill_openings(struct maker *m, unsigned source, struct packet *pkt)
{
	put_push(pkt, (uint32_t)draw(m), 0, 0, 1);
}

static void fill_middles(struct maker *m, unsigned source, struct packet *pkt)
{
	put_push(pkt, (uint32_t)draw(m), 1000 + below(m, 1000000), 1 + below(m, 1000), 1);
}

/* What follows has one conversation for each source, that its first segment opens; it comes again now and then, should
 * it be lost, or the session be gone. */
static bool fill_opening(struct maker *m, unsigned source, struct packet *pkt)
{
	bool opens = m->sn[source]++ % 1024 == 0;

	if (opens)
		put_push(pkt, m->conv[source], 0, 0, 1);
	return opens;
}

static void fill_acks(struct maker *m, unsigned source, struct packet *pkt)
{
	struct kcp_seg_header h = { .conv = m->conv[source], .cmd = KCP_CMD_ACK, .wnd = WND };

	if (fill_opening(m, source, pkt))
		return;
	for (unsigned i = 0; i < ACKS; i++) {
		h.sn = below(m, 1000);
		h.ts = (uint32_t)draw(m);
		put(pkt, &h);
	}
}

static void fill_windows(struct maker *m, unsigned source, struct packet *pkt)
{
	struct kcp_seg_header h = { .conv = m->conv[source], .cmd = KCP_CMD_WASK, .wnd = WND };

	if (fill_opening(m, source, pkt))
		return;
	for (unsigned i = 0; i < ACKS; i++) {
		h.cmd = i % 2 ? KCP_CMD_WINS : KCP_CMD_WASK;
		h.wnd = (uint16_t)draw(m);
		put(pkt, &h);
	}
}

static void fill_far(struct maker *m, unsigned source, struct packet *pkt)
{
	if (!fill_opening(m, source, pkt))
		put_push(pkt, m->conv[source], 2 + below(m, FAR), 0, FRAMES);
}

/* In order, all of which is taken: NOPs, and windows of streams that there are not. */
static void fill_frames(struct maker *m, unsigned source, struct packet *pkt)
{
	struct kcp_seg_header h = {
		.conv = m->conv[source],
		.cmd = KCP_CMD_PUSH,
		.wnd = WND,
		.sn = m->sn[source]++,
		.len = FRAMES / 2 * (2 * SMUX_HEADER + SMUX_UPD_BYTES),
	};

	put(pkt, &h);
	for (unsigned i = 0; i < FRAMES / 2; i++) {
		put_frame(pkt, SMUX_NOP, 0, 0);
		put_frame(pkt, SMUX_UPD, (uint32_t)draw(m) | 1, SMUX_UPD_BYTES);
	}
}

static void fill_forged(struct maker *m, unsigned source, struct packet *pkt)
{
	pkt->len = KCP_OVERHEAD + below(m, PLAIN_MAX - KCP_OVERHEAD);
	noise(m, pkt->data, pkt->len);
}

/* ---- all of them -------------------------------------------------------------------------- */

const struct kind kinds[] = {
	{ "garbage", "random bytes of any length", .fill = fill_garbage },
	{ "forged", "sealed with another key", .sealed = true, .forged = true, .fill = fill_forged },
	{ "replayed", "of an earlier session", .heard = true, .fill = fill_heard },
	{ "live", "of the session beside it", .heard = true, .fill = fill_heard },
	{ "openings", "sealed: new conversations", .sealed = true, .fill = fill_openings },
	{ "middles", "sealed: middles of unknown conversations", .sealed = true, .fill = fill_middles },
	{ "acks", "sealed: acknowledgements of nothing", .sealed = true, .fill = fill_acks },
	{ "windows", "sealed: windows told and asked for", .sealed = true, .fill = fill_windows },
	{ "far", "sealed: segments far ahead", .sealed = true, .fill = fill_far },
	{ "frames", "sealed: frames that say nothing", .sealed = true, .fill = fill_frames },
};
const size_t kind_count = sizeof(kinds) / sizeof(kinds[0]);

const struct kind *kind_find(const char *name)
{
	for (size_t i = 0; i < kind_count; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

void maker_start(struct maker *m, uint64_t seed)
{
	m->rng = seed | 1;
	for (unsigned i = 0; i < SOURCES_MAX; i++)
		m->conv[i] = (uint32_t)draw(m);
}

void maker_fill(struct maker *m, unsigned source, struct packet *pkts, uint8_t *mem, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		pkts[i] = (struct packet){ .data = mem + i * PACKET_CAP + PACKET_HEADROOM };
		m->kind->fill(m, source, &pkts[i]);
	}
	if (m->kind->sealed)
		seal_batch(m->seal, pkts, count);
}
