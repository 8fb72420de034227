/* session_stream.c - the streams of a session: smux's, with QPP done and undone on the way. */
#include "session_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"

static struct session_stream *adopt(struct session *s, struct smux_stream *smux)
{
	struct session_stream *st = calloc(1, sizeof(*st));

	if (st == NULL)
		return NULL;
	st->session = s;
	st->smux = smux;
	st->next = s->streams;
	if (st->next != NULL)
		st->next->prev = st;
	s->streams = st;
	if (s->cfg.qpp != NULL) {
		qpp_stream_init(s->cfg.qpp, &st->tx);
		st->rx = st->tx;
	}
	smux_set_user(smux, st);
	return st;
}

static void disown(struct session_stream *st)
{
	if (st->prev != NULL)
		st->prev->next = st->next;
	else
		st->session->streams = st->next;
	if (st->next != NULL)
		st->next->prev = st->prev;
	free(st);
}

bool session_next(struct session *s, struct session_event *ev)
{
	struct smux_event e;

	while (s->smux != NULL && smux_next(s->smux, &e)) {
		ev->stream = smux_user(e.stream);
		ev->what = e.what;
		if (ev->stream == NULL)
			ev->stream = adopt(s, e.stream);
		if (ev->stream != NULL)
			return true;
		smux_release(e.stream, true);
	}
	return false;
}

int session_open(struct session *s, struct session_stream **out)
{
	struct smux_stream *smux;
	int err;

	if (s->end != SESSION_ALIVE || s->smux == NULL)
		return KT_ECLOSED;
	err = smux_open(s->smux, &smux);
	if (err != KT_OK)
		return err;
	*out = adopt(s, smux);
	if (*out == NULL) {
		smux_release(smux, true);
		return KT_ENOMEM;
	}
	return KT_OK;
}

void session_stream_set_user(struct session_stream *st, void *user)
{
	st->user = user;
}

void *session_stream_user(const struct session_stream *st)
{
	return st->user;
}

uint32_t session_stream_sid(const struct session_stream *st)
{
	return smux_sid(st->smux);
}

struct span session_reserve(struct session_stream *st)
{
	st->reserved = smux_reserve(st->smux);
	return st->reserved;
}

void session_commit(struct session_stream *st, size_t n)
{
	const struct qpp *qpp = st->session->cfg.qpp;

	assert(n <= st->reserved.n);
	if (qpp != NULL)
		qpp_encrypt(qpp, &st->tx, (struct span){ st->reserved.p, n });
	smux_commit(st->smux, n);
}

void session_shutdown(struct session_stream *st)
{
	smux_shutdown(st->smux);
}

void session_reset(struct session_stream *st)
{
	smux_reset(st->smux);
}

size_t session_unsent(const struct session_stream *st)
{
	return smux_unsent(st->smux);
}

/* Undo QPP on the pieces' bytes that nobody has looked at yet. */
static void decrypt_pieces(struct session_stream *st, struct span *pieces, size_t count)
{
	size_t seen = 0;

	for (size_t i = 0; i < count; i++) {
		struct span fresh = pieces[i];
		size_t skip = st->plain > seen ? st->plain - seen : 0;

		seen += pieces[i].n;
		if (skip >= fresh.n)
			continue;
		fresh.p += skip;
		fresh.n -= skip;
		qpp_decrypt(st->session->cfg.qpp, &st->rx, fresh);
		st->plain += fresh.n;
	}
}

size_t session_peek(struct session_stream *st, struct span *pieces, size_t max)
{
	size_t count = smux_peek(st->smux, pieces, max);

	if (st->session->cfg.qpp != NULL)
		decrypt_pieces(st, pieces, count);
	return count;
}

void session_consume(struct session_stream *st, size_t n)
{
	if (st->session->cfg.qpp != NULL) {
		assert(n <= st->plain); /* only what was seen can be taken */
		st->plain -= n;
	}
	smux_consume(st->smux, n);
}

size_t session_unread(const struct session_stream *st)
{
	return smux_unread(st->smux);
}

bool session_eof(const struct session_stream *st)
{
	return smux_eof(st->smux);
}

bool session_peer_finished(const struct session_stream *st)
{
	return smux_peer_finished(st->smux);
}

bool session_was_reset(const struct session_stream *st)
{
	return smux_was_reset(st->smux);
}

void session_release(struct session_stream *st, bool discard)
{
	struct smux_stream *smux = st->smux;

	disown(st);
	smux_release(smux, discard);
}
