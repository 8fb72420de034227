/* input.c - the peer's bytes: frames taken apart as they arrive.
 *
 * A frame may straddle any number of inputs.  Its header is gathered first;
 * the payload of a PSH goes to its stream byte by byte as it comes, so no frame is
 * ever held whole and a peer gains nothing by announcing 65535 bytes. */
#include <assert.h>
#include <string.h>

#include "err.h"
#include "smux_impl.h"

static void advance(struct view *in, size_t n)
{
	in->p += n;
	in->n -= n;
}

/* Have `want` bytes of the header together; false when the input ends before. */
static bool gather(struct smux *m, struct view *in, size_t want)
{
	size_t n;

	if (m->head_len >= want)
		return true;
	n = want - m->head_len;
	if (n > in->n)
		n = in->n;
	memcpy(m->head + m->head_len, in->p, n);
	m->head_len += n;
	advance(in, n);
	return m->head_len == want;
}

/* Bulk data comes in runs of frames for one stream. */
static struct smux_stream *find(struct smux *m, uint32_t sid)
{
	if (m->recent == NULL || m->recent->sid != sid)
		m->recent = smux_table_find(m, sid);
	return m->recent;
}

/* ---- payload ------------------------------------------------------------------ */

/* Bytes that the session's budget still allows. */
static size_t budget(const struct smux *m)
{
	size_t max = m->cfg.version == 2 ? smux_hard_stop(m) : m->cfg.recv_bytes_max;

	return max > m->unread ? max - m->unread : 0;
}

bool smux_input_blocked(const struct smux *m)
{
	if (m->closed != SMUX_ALIVE || m->payload_left == 0)
		return false;
	if (m->rx == NULL || !smux_takes_data(m->rx))
		return false;
	return budget(m) == 0 || m->input_starved;
}

/* Returns how many bytes the stream took; 0 means that input has to wait. */
static size_t deliver(struct smux *m, struct view bytes)
{
	struct smux_stream *st = m->rx;
	size_t room = budget(m), held = st->in.held, n;

	if (room == 0)
		return 0;
	smux_take_windows_back(m);
	n = fifo_write(&st->in, (struct view){ bytes.p, bytes.n < room ? bytes.n : room });
	if (n == 0) {
		smux_starve_input(m);
		return 0;
	}
	m->unread += n;
	smux_note_moved(st, FIFO_IN, held);
	smux_raise(st, SMUX_READABLE);
	return n;
}

/* A stream that lingers to send its last bytes counts what it drops as read: a peer
 * that only reads once it has written could otherwise wait for its window forever. */
static void drop(struct smux *m, size_t n)
{
	m->stats.unknown_stream_bytes += n;
	if (m->rx != NULL && m->rx->released)
		smux_account_consumed(m->rx, n);
}

static int take_payload(struct smux *m, struct view *in)
{
	size_t n = in->n < m->payload_left ? in->n : m->payload_left;

	if (m->rx != NULL && smux_takes_data(m->rx)) {
		n = deliver(m, (struct view){ in->p, n });
		if (n == 0)
			return KT_EAGAIN;
	} else {
		drop(m, n);
	}
	smux_not_starved(m, FIFO_IN);
	advance(in, n);
	m->payload_left -= n;
	if (m->payload_left == 0)
		m->rx = NULL;
	return KT_OK;
}

/* ---- frames --------------------------------------------------------------------- */

/* Compared with the largest window ever granted, not with the last: what was under way
 * when we granted less is not the peer's fault. */
static bool overruns(const struct smux_stream *st, size_t n)
{
	return st->consumed + st->in.len + n > st->edge;
}

static void on_psh(struct smux *m, uint32_t sid, size_t length)
{
	struct smux_stream *st = find(m, sid);

	if (st != NULL && m->cfg.version == 2 && smux_takes_data(st) && overruns(st, length))
		smux_overrun(st);
	m->rx = length > 0 ? st : NULL;
	m->payload_left = length;
}

/* A second SYN of a live id is ignored (vector v1_repeated_syn).  A tunnel's server never
 * opens streams, so a client has no use for one. */
static void on_syn(struct smux *m, uint32_t sid)
{
	struct smux_stream *st;

	if (find(m, sid) != NULL)
		return;
	if (m->cfg.client || m->count >= m->cfg.streams_max) {
		smux_refuse(m, sid);
		return;
	}
	st = smux_stream_new(m, sid);
	if (st == NULL) {
		smux_refuse(m, sid);
		return;
	}
	m->stats.streams_accepted++;
	smux_grant_first(st);
	smux_raise(st, SMUX_OPENED);
}

static void on_fin(struct smux *m, uint32_t sid)
{
	struct smux_stream *st = find(m, sid);

	if (st == NULL)
		return;
	if (st->peer_fin) {
		smux_peer_resets(st);
		return;
	}
	st->peer_fin = true;
	smux_linger(st);
	if (!st->released && !st->cut)
		smux_raise(st, SMUX_READABLE);
}

/* A peer that claims to have read more than was sent is wrong about everything it says
 * here, so nothing of it is believed: the window stays.  (Go fails the stream's next
 * write.)  One that takes back what it had read only hurts itself. */
static void on_upd(struct smux *m, uint32_t sid, const uint8_t *body)
{
	struct smux_stream *st = find(m, sid);
	uint32_t consumed = load_le32(body);
	uint32_t in_flight;

	if (st == NULL)
		return;
	in_flight = (uint32_t)st->sent - consumed;
	if (in_flight > INT32_MAX || in_flight > st->sent)
		return;
	st->peer_consumed = consumed;
	st->peer_window = load_le32(body + 4);
	smux_schedule(st);
}

static void on_frame(struct smux *m, const struct smux_header *h)
{
	m->stats.frames_in++;
	switch (h->cmd) {
	case SMUX_SYN:
		on_syn(m, h->sid);
		break;
	case SMUX_FIN:
		on_fin(m, h->sid);
		break;
	case SMUX_PSH:
		on_psh(m, h->sid, h->length);
		break;
	case SMUX_UPD:
		on_upd(m, h->sid, m->head + SMUX_HEADER);
		break;
	default: /* a NOP: that it came is nearly all there is to it */
		smux_notes_hear(&m->notes, h);
		break;
	}
}

/* The length field counts for PSH only; an UPD has 8 bytes whatever it says. */
static int take_header(struct smux *m, struct view *in)
{
	struct smux_header h;

	if (!gather(m, in, SMUX_HEADER))
		return KT_OK;
	if (smux_header_decode(&h, m->cfg.version, (struct view){ m->head, SMUX_HEADER }) != KT_OK) {
		smux_close(m, SMUX_CLOSED_VERSION);
		return KT_EPROTO;
	}
	if (h.cmd == SMUX_UPD && !gather(m, in, SMUX_HEADER + SMUX_UPD_BYTES))
		return KT_OK;
	m->head_len = 0;
	on_frame(m, &h);
	return KT_OK;
}

int smux_input(struct smux *m, uint64_t now_us, struct view *in)
{
	int rc = KT_OK;

	if (m->closed != SMUX_ALIVE)
		return KT_EPROTO;
	smux_settle(m);
	m->now_us = now_us;
	if (in->n > 0)
		m->heard_us = now_us;
	while (rc == KT_OK && in->n > 0)
		rc = m->payload_left > 0 ? take_payload(m, in) : take_header(m, in);
	m->input_blocked = smux_input_blocked(m);
	return rc;
}
