/* output.c - what to send: control frames, then one data frame of each stream in turn. */
#include <assert.h>
#include <string.h>

#include "smux_impl.h"

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* ---- frames ----------------------------------------------------------------------- */

static void put_header(const struct smux *m, struct smux_frame *f, uint8_t cmd, uint32_t sid,
		       size_t length)
{
	const struct smux_header h = { (uint8_t)m->cfg.version, cmd, (uint16_t)length, sid };

	smux_header_encode(f->header, &h);
	f->header_len = SMUX_HEADER;
	f->len = SMUX_HEADER;
}

static void put_upd(struct smux_stream *st, struct smux_frame *f)
{
	put_header(st->m, f, SMUX_UPD, st->sid, SMUX_UPD_BYTES);
	store_le32(f->header + SMUX_HEADER, (uint32_t)st->consumed);
	store_le32(f->header + SMUX_HEADER + 4, smux_grant(st));
	f->header_len = f->len = SMUX_HEADER + SMUX_UPD_BYTES;
}

/* Both of a reset at once: the first alone would look like an end until the other comes. */
static void put_second_fin(struct smux_frame *f)
{
	memcpy(f->header + SMUX_HEADER, f->header, SMUX_HEADER);
	f->header_len = f->len = 2 * SMUX_HEADER;
}

static void stream_control(struct smux_stream *st, struct smux_frame *f)
{
	if (st->syn_pending) {
		st->syn_pending = false;
		put_header(st->m, f, SMUX_SYN, st->sid, 0);
	} else if (st->upd_pending) {
		st->upd_pending = false;
		put_upd(st, f);
	} else {
		assert(st->fin_pending || smux_reset_due(st));
		put_header(st->m, f, SMUX_FIN, st->sid, 0);
		if (st->fin_pending && st->reset_pending)
			put_second_fin(f);
		st->reset_pending = false;
		st->fin_pending = false;
		st->fin_sent = true;
	}
	if (st->fin_sent && st->released && !st->reset_pending)
		smux_stream_free(st);
	else
		smux_schedule(st);
}

/* A stream of frames that begins with a note would be one that has nothing else to say yet. */
static bool note_due(const struct smux *m)
{
	return m->stats.frames_out > 0 && smux_notes_pending(&m->notes);
}

static void put_note(struct smux *m, struct smux_frame *f)
{
	uint32_t sid;
	uint16_t length;

	smux_notes_pop(&m->notes, &sid, &length);
	put_header(m, f, SMUX_NOP, sid, length);
}

/* Not a FIN alone: that would be the regular end of a stream that nobody had. */
static void put_refusal(struct smux *m, struct smux_frame *f)
{
	put_header(m, f, SMUX_FIN, smux_pop_refusal(m), 0);
	put_second_fin(f);
}

static bool next_control(struct smux *m, struct smux_frame *f)
{
	if (linked(&m->control))
		stream_control(container_of(m->control.next, struct smux_stream, control), f);
	else if (m->refusals.count > 0)
		put_refusal(m, f);
	else if (note_due(m))
		put_note(m, f);
	else if (m->nop_pending)
		put_header(m, f, SMUX_NOP, 0, 0);
	else
		return false;
	return true;
}

/* Point the frame at up to n of the stream's bytes; returns how many. */
static size_t borrow(struct smux_stream *st, struct smux_frame *f, size_t n)
{
	struct span pieces[SMUX_PIECES_MAX];
	size_t count = fifo_peek(&st->out, pieces, SMUX_PIECES_MAX, n), sum = 0;

	for (size_t i = 0; i < count; i++) {
		f->pieces[i] = (struct view){ pieces[i].p, pieces[i].n };
		sum += pieces[i].n;
	}
	f->piece_count = count;
	return sum;
}

static bool next_data(struct smux *m, size_t room, struct smux_frame *f)
{
	struct smux_stream *st;
	size_t n;

	if (!linked(&m->data) || room == 0 || m->hold)
		return false;
	st = container_of(m->data.next, struct smux_stream, data);
	n = min_size(min_size(room, m->cfg.framesize), min_size(smux_window_room(st), st->out.len));
	n = borrow(st, f, n);
	put_header(m, f, SMUX_PSH, st->sid, n);
	f->len += n;
	m->taken = st;
	m->taken_len = n;
	st->sent += n;
	link_remove(&st->data); /* and to the end of the line, if it has more */
	smux_schedule(st);
	smux_linger(st);
	smux_wake_writer(st);
	return true;
}

bool smux_next_frame(struct smux *m, uint64_t now_us, size_t room, struct smux_frame *f)
{
	if (m->closed != SMUX_ALIVE)
		return false;
	smux_settle(m);
	m->now_us = now_us;
	f->piece_count = 0;
	if (!next_control(m, f) && !next_data(m, room, f))
		return false;
	m->spoke_us = now_us;
	m->nop_pending = false;
	m->stats.frames_out++;
	return true;
}

bool smux_has_output(const struct smux *m)
{
	if (m->closed != SMUX_ALIVE)
		return false;
	return linked(&m->control) || linked(&m->data) || m->refusals.count > 0 || note_due(m) ||
	       m->nop_pending;
}

void smux_hold(struct smux *m, bool on)
{
	m->hold = on;
}
