/* cover.c - what is small and under way is covered by symbols, between two kcptunds.
 *
 * Which segments, and when, is KCP's to say, which knows what is under way: where it would make copies it
 * has a symbol made instead.  Who receives keeps what is small from the first symbol on; that one needs
 * nothing kept, when it is of one segment, as after a pause. */
#include <string.h>

#include "session_impl.h"

enum { SYMBOL_RECENT = 1024 }; /* packets for which a peer that sent one is expected to go on */

size_t session_cover_segs(void *user, uint32_t ts, unsigned want, const struct kcp_covered *segs,
			  size_t n, uint8_t *buf, size_t cap)
{
	struct session *s = user;
	struct rlc_source sources[RLC_WINDOW];
	struct rlc_header h = {
		.conv = s->cfg.conv,
		.ts = ts,
		.seed = s->cover.seed,
		.count = want < RLC_COUNT_MAX ? want : RLC_COUNT_MAX,
	};

	for (size_t i = 0; i < n; i++)
		sources[i] = (struct rlc_source){ segs[i].sn, { segs[i].data, segs[i].len } };
	s->cover.seed = (uint8_t)(s->cover.seed + h.count);
	return rlc_encode(&h, sources, n, buf, cap);
}

/* As the segment that it was, but for what only its own header told: KCP does not believe that. */
void session_input_rebuilt(struct session *s, uint64_t now_us, uint32_t ts, uint32_t number,
			   struct view payload)
{
	uint8_t pkt[PACKET_MTU_MAX];
	struct kcp_seg_header h = {
		.conv = s->cfg.conv,
		.cmd = KCP_CMD_PUSH,
		.ts = ts,
		.sn = number,
		.len = (uint32_t)payload.n,
	};
	struct kcp_info k;

	kcp_get_info(s->kcp, &k);
	h.una = k.snd_una;
	kcp_header_encode(pkt, &h);
	memcpy(pkt + KCP_OVERHEAD, payload.p, payload.n);
	kcp_input(s->kcp, now_us, pkt, KCP_OVERHEAD + payload.n, KCP_INPUT_RECOVERED);
}

static void drain(struct session *s, uint64_t now_us)
{
	struct view payload;
	uint32_t number;

	while (rlc_in_next(s->cover.in, &number, &payload))
		session_input_rebuilt(s, now_us, s->cover.newest_ts, number, payload);
}

void session_cover_hear(struct session *s, uint64_t now_us, struct view pkt)
{
	struct session_cover *c = &s->cover;
	struct kcp_seg_header h;

	if (c->in == NULL || c->since++ >= SYMBOL_RECENT)
		return;
	while (kcp_header_decode(&h, pkt.p, pkt.n) && h.conv == s->cfg.conv) {
		if (h.cmd == KCP_CMD_PUSH) {
			c->newest_ts = h.ts;
			rlc_in_data(c->in, h.sn, (struct view){ pkt.p + KCP_OVERHEAD, h.len });
			drain(s, now_us);
		}
		pkt.p += KCP_OVERHEAD + h.len;
		pkt.n -= KCP_OVERHEAD + h.len;
	}
}

void session_cover_input(struct session *s, uint64_t now_us, struct view symbols)
{
	struct session_cover *c = &s->cover;

	if (kcp_is_strange(s->kcp, rlc_ts(symbols)) ||
	    (c->in == NULL && (c->in = rlc_in_new()) == NULL))
		return;
	c->since = 0;
	c->newest_ts = rlc_ts(symbols);
	rlc_in_symbols(c->in, symbols);
	drain(s, now_us);
}

void session_cover_stats(const struct session_cover *c, struct rlc_in_stats *sum)
{
	const struct rlc_in_stats *now = c->in != NULL ? rlc_in_stats(c->in) : NULL;

	*sum = c->past;
	if (now == NULL)
		return;
	sum->symbols += now->symbols;
	sum->repaired += now->repaired;
	sum->errors += now->errors;
}

size_t session_cover_memory(const struct session_cover *c)
{
	return c->in != NULL ? rlc_in_memory(c->in) : 0;
}

void session_cover_trim(struct session_cover *c)
{
	session_cover_stats(c, &c->past);
	session_cover_dispose(c);
}

void session_cover_dispose(struct session_cover *c)
{
	rlc_in_free(c->in);
	c->in = NULL;
}
