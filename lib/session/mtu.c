/* mtu.c - how long a session's datagrams may be: pmtu.h told of what happens, and done as it says. */
#include "session_impl.h"

#include <assert.h>

enum {
	ANSWER_US = 50 * 1000, /* so much longer than a timeout it may take: some answer at intervals */
	FOREIGN_US = 1000 * 1000, /* a kcptund makes itself known in less */
};

static_assert(2 * PMTU_TIMES < KCP_SOUNDINGS, "each has its number, and guard.c has one");

/* Of a datagram, beside what KCP makes of it. */
static size_t overhead(const struct session *s)
{
	return s->cfg.seal_overhead + s->fec_overhead;
}

/* KCP's part of a datagram. */
static uint32_t within(const struct session *s, size_t datagram_bytes)
{
	size_t more = overhead(s);

	return datagram_bytes > more + KCP_OVERHEAD ? (uint32_t)(datagram_bytes - more)
						    : KCP_OVERHEAD;
}

/* What stays below any length in doubt is not watched. */
static void apply(struct session *s)
{
	kcp_set_mtu(s->kcp, (uint32_t)(s->pmtu.size - overhead(s)));
	kcp_watch_longs(s->kcp, within(s, pmtu_short(&s->pmtu)), within(s, pmtu_least(&s->pmtu)));
	if (s->cfg.path != NULL)
		path_set_mtu(s->cfg.path, s->pmtu.size);
}

void session_mtu_init(struct session *s)
{
	size_t most = s->cfg.packet_bytes_max + s->cfg.seal_overhead;
	size_t known = s->cfg.path != NULL ? path_mtu(s->cfg.path) : 0;

	pmtu_init(&s->pmtu, most, s->cfg.finds_mtu ? known : most);
	if (s->cfg.finds_mtu)
		apply(s);
	else
		s->pmtu.size = most;
}

size_t session_packet_bytes(const struct session *s)
{
	return s->pmtu.size - s->cfg.seal_overhead;
}

static void see_longs(const struct session *s, struct pmtu_seen *seen)
{
	seen->longs = kcp_longs_sent(s->kcp, &seen->longs_us);
	seen->wait_us = kcp_rto_us(s->kcp) + ANSWER_US;
}

static void see(const struct session *s, struct pmtu_seen *seen)
{
	struct kcp_info k;

	kcp_get_info(s->kcp, &k);
	seen->now_us = s->flush_us;
	seen->heard_us = s->heard_us;
	seen->loss_ppm = k.medium_loss_ppm;
	seen->wanted = s->full_left;
	for (unsigned i = 0; i < PMTU_TIMES; i++) {
		seen->answered |= kcp_sounded(s->kcp, i);
		seen->short_answered |= kcp_sounded(s->kcp, PMTU_TIMES + i);
	}
}

/* Not through FEC: a set with one that does not pass would lose more than that. */
static void sound(struct session *s, unsigned which, size_t datagram_bytes)
{
	size_t bytes = datagram_bytes - s->cfg.seal_overhead;
	struct packet *pkt;
	/* An answer to the question does not say to which. */
	bool ask = which < PMTU_TIMES && !s->repair.heard_note;

	if (datagram_bytes == 0 || (pkt = batch_add(s->out)) == NULL)
		return;
	kcp_sound(s->kcp, s->flush_us, which, ask, pkt->data, bytes);
	pkt->len = bytes;
	pkt->path = s->out_path;
	pkt->alone = true;
}

static void obey(struct session *s, const struct pmtu_order *order)
{
	if (order->sound == 0)
		return;
	kcp_sound_anew(s->kcp);
	for (unsigned i = 0; i < order->times; i++) {
		sound(s, i, order->sound);
		sound(s, PMTU_TIMES + i, order->sound_short);
	}
}

/* Segments that have their numbers, where the peer knows no pieces, and parity of them: IP may cut them. */
static void mark_longs(struct session *s)
{
	if (s->pmtu.size == s->pmtu.most)
		return;
	for (size_t i = s->out_start; i < s->out->count; i++)
		s->out->v[i].may_fragment = s->out->v[i].len > session_packet_bytes(s);
}

bool session_mtu_cut(struct session *s, size_t index)
{
	return s->repair.peer_joins && piece_cut(s->out, index, session_packet_bytes(s));
}

void session_mtu_piece(struct session *s, uint64_t now_us, struct view pkt)
{
	struct view segment;

	if (s->pieces == NULL)
		s->pieces = piece_in_new();
	if (s->pieces != NULL && piece_in_add(s->pieces, s->cfg.conv, pkt, &segment))
		session_input_kcp(s, now_us, segment, 0);
}

/* A kcptun's datagrams are as long as it was told, whatever the path; so that it can be said what is wrong when they
 * vanish, the path is examined even if nothing long is sent. */
static bool peer_cannot_look(const struct session *s)
{
	return s->pmtu.state == PMTU_WAITS && !s->repair.heard_note && s->born_heard_us != 0 &&
	       s->flush_us - s->born_heard_us > FOREIGN_US;
}

void session_mtu_flush(struct session *s)
{
	struct pmtu_seen seen = { 0 };
	struct pmtu_order order;

	mark_longs(s);
	if (!s->cfg.finds_mtu || s->guard.on)
		return;
	see_longs(s, &seen);
	s->full_left |= peer_cannot_look(s);
	if (!s->full_left && s->flush_us < pmtu_deadline(&s->pmtu, &seen) && s->pmtu.sounded == 0)
		return;
	see(s, &seen);
	s->full_left = false;
	if (pmtu_look(&s->pmtu, &seen, &order))
		apply(s);
	obey(s, &order);
}

uint64_t session_mtu_deadline(const struct session *s)
{
	struct pmtu_seen seen = { 0 };

	if (!s->cfg.finds_mtu || s->guard.on)
		return UINT64_MAX;
	see_longs(s, &seen);
	return pmtu_deadline(&s->pmtu, &seen);
}
