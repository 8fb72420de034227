/* output.c - what leaves: frames of smux through the codec to KCP, and its packets through FEC. */
#include "session_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"

/* Segments handed to KCP between two looks at whether it could send them.  What
 * waits in KCP is past the fair order of the streams, so this is kept short. */
enum {
	PULL_SEGMENTS = 64,
	CONTROL_SEGMENTS = 64, /* beyond those, of control frames */
};

/* ---- work memory ------------------------------------------------------------------ */

void session_scratch_init(struct session_scratch *w)
{
	w->buf = NULL;
	w->cap = 0;
}

void session_scratch_dispose(struct session_scratch *w)
{
	free(w->buf);
	session_scratch_init(w);
}

static bool scratch_grow(struct session_scratch *w, size_t cap)
{
	uint8_t *buf;

	if (cap <= w->cap)
		return true;
	buf = realloc(w->buf, cap);
	if (buf == NULL)
		return false;
	w->buf = buf;
	w->cap = cap;
	return true;
}

/* ---- frames ----------------------------------------------------------------------- */

/* What is no data stays in one segment, if it can: the first of a reset's two FINs, alone, would
 * look like an end until the second comes. */
static bool send_control(struct session *s, const void *data, size_t len)
{
	int rc = kcp_send_whole(s->kcp, data, len);

	return (rc == KCP_ELIMIT ? kcp_send(s->kcp, data, len) : rc) == KCP_OK;
}

static bool send_compressed(struct session *s, const struct smux_frame *f)
{
	struct view pieces[SMUX_PIECES_MAX + 1];
	int n;

	if (!scratch_grow(s->cfg.scratch, codec_bound(s->codec_out, f->len)))
		return false;
	pieces[0] = (struct view){ f->header, f->header_len };
	memcpy(pieces + 1, f->pieces, f->piece_count * sizeof(*pieces));
	n = codec_encode(s->enc, pieces, f->piece_count + 1, s->cfg.scratch->buf, s->cfg.scratch->cap);
	if (n < 0)
		return false;
	s->bytes_sent += (size_t)n;
	if (f->piece_count == 0)
		return send_control(s, s->cfg.scratch->buf, (size_t)n);
	return kcp_send(s->kcp, s->cfg.scratch->buf, (size_t)n) == KCP_OK;
}

static bool send_plain(struct session *s, const struct smux_frame *f)
{
	s->bytes_sent += f->len;
	if (f->piece_count == 0)
		return send_control(s, f->header, f->header_len);
	if (kcp_send(s->kcp, f->header, f->header_len) != KCP_OK)
		return false;
	for (size_t i = 0; i < f->piece_count; i++)
		if (kcp_send(s->kcp, f->pieces[i].p, f->pieces[i].n) != KCP_OK)
			return false;
	return true;
}

/* Move frames from smux to KCP, about as much as KCP can send at once.  Control
 * frames go even when the window is shut, up to a bound: a peer that opens and closes streams and
 * never acknowledges would else make us hold a frame for each.  A frame
 * that was taken but could not be queued leaves a hole, which ends the session. */
static bool pull_frames(struct session *s, uint64_t now_us)
{
	uint32_t room = kcp_send_room(s->kcp);
	uint32_t target = kcp_waiting(s->kcp) + (room < PULL_SEGMENTS ? room : PULL_SEGMENTS);
	struct smux_frame f;
	bool any = false;
	size_t most;

	if (s->smux == NULL || s->codec_out == CODEC_UNKNOWN)
		return false;
	most = session_guard_frame_max(s);
	while (s->end == SESSION_ALIVE && kcp_queued(s->kcp) < PULL_SEGMENTS + CONTROL_SEGMENTS &&
	       smux_next_frame(s->smux, now_us, kcp_waiting(s->kcp) < target ? most : 0, &f)) {
		if (!(s->enc != NULL ? send_compressed(s, &f) : send_plain(s, &f)))
			session_fail(s, SESSION_NO_MEMORY);
		any = true;
		if (s->guard.on && f.piece_count > 0)
			most = 0;
	}
	return any;
}

/* ---- packets ---------------------------------------------------------------------- */

static size_t parity_max(const struct session *s)
{
	return fec_pair_parity_max(&s->fec) + session_repair_parity_max(&s->repair);
}

uint8_t *session_reserve_packet(void *user, size_t cap)
{
	struct session *s = user;
	struct packet *pkt;

	(void)cap; /* a batch's packets hold any datagram */
	if (s->out->count - s->out_start >= SESSION_FLUSH_PACKETS ||
	    batch_room(s->out) < 1 + parity_max(s))
		return NULL;
	pkt = batch_add(s->out);
	if (pkt == NULL)
		return NULL;
	pkt->path = s->out_path;
	return pkt->data;
}

/* Zeros behind the segments, which no peer takes for one; not behind symbols, which end where the packet does. */
static size_t padded(struct session *s, uint8_t *buf, size_t len)
{
	size_t most = session_packet_bytes(s) - fec_pair_grows(&s->fec);

	if (!s->pads || len >= most || session_rest_of((struct view){ buf, len }).n > 0)
		return len;
	s->pads = false;
	memset(buf + len, 0, most - len);
	return most;
}

size_t session_output_packet(void *user, uint8_t *buf, size_t len)
{
	struct session *s = user;
	size_t index = s->out->count - 1, from, bytes;

	assert(buf == s->out->v[index].data);
	s->full_left |= len >= kcp_mtu(s->kcp);
	session_repair_output(s, buf, len);
	s->out->v[index].len = len;
	from = s->out->count;
	if (len <= kcp_mtu(s->kcp) || !session_mtu_cut(s, index)) {
		s->out->v[index].len = padded(s, buf, len);
		fec_pair_add(&s->fec, s->flush_us, s->out, index);
	}
	bytes = s->out->v[index].len + s->cfg.seal_overhead;
	for (size_t i = from; i < s->out->count; i++)
		bytes += s->out->v[i].len + s->cfg.seal_overhead;
	return bytes;
}

static void count_output(struct session *s)
{
	for (size_t i = s->out_start; i < s->out->count; i++)
		s->out_bytes += s->out->v[i].len + s->cfg.seal_overhead;
	s->out_pkts += s->out->count - s->out_start;
}

bool session_flush(struct session *s, uint64_t now_us, struct batch *out, const void *path)
{
	bool stopped;

	s->out = out;
	s->out_start = out->count;
	s->out_path = path;
	s->flush_us = now_us;
	session_guard_watch(s);
	session_repair_begin(s, now_us);
	session_fit_ask(s);
	do {
		bool pulled = pull_frames(s, now_us);

		session_repair_copies(s);
		stopped = kcp_flush(s->kcp, now_us);
		if (!pulled)
			break;
	} while (!stopped && kcp_queued(s->kcp) == 0 && kcp_send_room(s->kcp) > 0);
	session_fit_left(s);
	stopped |= session_repair_end(s);
	kcp_sent_beside(s->kcp, s->repair.unpaid);
	s->repair.unpaid = 0;
	fec_pair_settle(&s->fec);
	session_guard_flush(s);
	session_mtu_flush(s);
	count_output(s);
	s->out = NULL;
	return stopped;
}
