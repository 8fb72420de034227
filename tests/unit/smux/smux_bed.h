/* smux_bed.h - one session of smux in the hands of a test: bytes in, frames out, streams. */
#ifndef SMUX_BED_H
#define SMUX_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "err.h"
#include "smux_impl.h"
#include "vectors.h"

enum { S = 1000000 }; /* a second, in microseconds */

/* A growing byte string: what one side has said. */
struct bytes {
	uint8_t *p;
	size_t n, cap;
};

static inline void bytes_add(struct bytes *b, const void *p, size_t n)
{
	if (b->n + n > b->cap) {
		b->cap = 2 * (b->n + n);
		b->p = realloc(b->p, b->cap);
		assert_non_null(b->p);
	}
	if (n > 0)
		memcpy(b->p + b->n, p, n);
	b->n += n;
}

/* Keep the last n only. */
static inline void bytes_keep(struct bytes *b, size_t n)
{
	if (n > 0)
		memmove(b->p, b->p + b->n - n, n);
	b->n = n;
}

static inline void bytes_clear(struct bytes *b)
{
	free(b->p);
	*b = (struct bytes){ .p = NULL };
}

/* A session under test, with a clock and a pool of its own. */
struct fixture {
	struct fifo_pool pool;
	struct fifo_account account;
	struct smux_config cfg;
	struct smux *m;
	uint64_t now;
	struct bytes out; /* of the last drain() */
};

static inline struct smux_config config(int version, bool client)
{
	return (struct smux_config){
		.version = version,
		.client = client,
		.framesize = 8192,
		.recv_bytes_max = 4194304,
		.streambuf = 65536,
		.send_bytes_max = 1 << 20,
		.streams_max = 1000,
		.keepalive_us = 10 * S,
		.timeout_us = SMUX_TIMEOUT_US,
	};
}

static inline void begin_cfg(struct fixture *x, struct smux_config cfg, size_t pool_bytes)
{
	*x = (struct fixture){ .cfg = cfg, .now = 77 * S };
	fifo_pool_init(&x->pool, pool_bytes);
	fifo_account_init(&x->account, &x->pool);
	x->cfg.account = &x->account;
	x->m = smux_new(&x->cfg, x->now);
	assert_non_null(x->m);
}

static inline void begin(struct fixture *x, int version, bool client)
{
	begin_cfg(x, config(version, client), SIZE_MAX);
}

static inline void end(struct fixture *x)
{
	smux_verify(x->m);
	smux_free(x->m);
	fifo_account_dispose(&x->account);
	fifo_pool_dispose(&x->pool);
	bytes_clear(&x->out);
}

static inline void frame_add(struct bytes *b, const struct smux_frame *f)
{
	size_t len = f->header_len;

	bytes_add(b, f->header, f->header_len);
	for (size_t i = 0; i < f->piece_count; i++) {
		assert_true(f->pieces[i].n > 0);
		bytes_add(b, f->pieces[i].p, f->pieces[i].n);
		len += f->pieces[i].n;
	}
	assert_int_equal(f->len, len);
}

/* Everything that the session has to say, into x->out. */
static inline size_t drain(struct fixture *x)
{
	struct smux_frame f;

	x->out.n = 0;
	while (smux_has_output(x->m)) {
		assert_true(smux_next_frame(x->m, x->now, SIZE_MAX, &f));
		smux_verify(x->m);
		frame_add(&x->out, &f);
	}
	assert_false(smux_next_frame(x->m, x->now, SIZE_MAX, &f));
	return x->out.n;
}

static inline void expect_frames(struct fixture *x, const char *hex)
{
	struct vec_bytes want = vec_hex_text(hex);

	drain(x);
	assert_int_equal(x->out.n, want.n);
	if (want.n > 0)
		assert_memory_equal(x->out.p, want.p, want.n);
	vec_bytes_free(&want);
}

static inline int feed_bytes(struct fixture *x, const void *p, size_t n, size_t *left)
{
	/* A copy of the exact size, so that a sanitizer sees every byte read beyond it. */
	uint8_t *copy = malloc(n + (n == 0));
	struct view in = { copy, n };
	int rc;

	if (n > 0)
		memcpy(copy, p, n);
	rc = smux_input(x->m, x->now, &in);
	smux_verify(x->m);
	if (left != NULL)
		*left = in.n;
	else if (rc == KT_OK)
		assert_int_equal(in.n, 0);
	free(copy);
	return rc;
}

static inline int feed(struct fixture *x, const char *hex)
{
	struct vec_bytes b = vec_hex_text(hex);
	int rc = feed_bytes(x, b.p != NULL ? b.p : (uint8_t *)x, b.n, NULL);

	vec_bytes_free(&b);
	return rc;
}

static inline void put_frame(struct bytes *b, int ver, uint8_t cmd, uint32_t sid, const void *p,
			     size_t n)
{
	const struct smux_header h = { (uint8_t)ver, cmd, (uint16_t)n, sid };
	uint8_t head[SMUX_HEADER];

	smux_header_encode(head, &h);
	bytes_add(b, head, sizeof(head));
	bytes_add(b, p, n);
}

static inline void put_upd(struct bytes *b, uint32_t sid, uint32_t consumed, uint32_t window)
{
	uint8_t body[SMUX_UPD_BYTES];

	store_le32(body, consumed);
	store_le32(body + 4, window);
	put_frame(b, 2, SMUX_UPD, sid, body, sizeof(body));
}

/* Feed one frame with a payload of n zero bytes. */
static inline int feed_frame(struct fixture *x, uint8_t cmd, uint32_t sid, size_t n, size_t *left)
{
	static const uint8_t zero[SMUX_FRAME_MAX];
	struct bytes b = { .p = NULL };
	int rc;

	put_frame(&b, x->cfg.version, cmd, sid, zero, n);
	rc = feed_bytes(x, b.p, b.n, left);
	bytes_clear(&b);
	return rc;
}

static inline void feed_upd(struct fixture *x, uint32_t sid, uint32_t consumed, uint32_t window)
{
	struct bytes b = { .p = NULL };

	put_upd(&b, sid, consumed, window);
	assert_int_equal(feed_bytes(x, b.p, b.n, NULL), KT_OK);
	bytes_clear(&b);
}

static inline struct smux_stream *open_stream(struct fixture *x)
{
	struct smux_stream *st;

	assert_int_equal(smux_open(x->m, &st), KT_OK);
	return st;
}

/* The next event is for a stream that the peer opened. */
static inline struct smux_stream *accept_stream(struct fixture *x)
{
	struct smux_event ev;

	while (smux_next(x->m, &ev))
		if (ev.what & SMUX_OPENED)
			return ev.stream;
	fail_msg("no stream was opened");
	return NULL;
}

static inline struct smux_stream *accept_sid(struct fixture *x, uint32_t sid)
{
	assert_int_equal(feed_frame(x, SMUX_SYN, sid, 0, NULL), KT_OK);
	return accept_stream(x);
}

static inline void expect_event(struct fixture *x, struct smux_stream *st, unsigned what)
{
	struct smux_event ev;

	assert_true(smux_next(x->m, &ev));
	assert_ptr_equal(ev.stream, st);
	assert_int_equal(ev.what, what);
}

static inline void expect_no_event(struct fixture *x)
{
	struct smux_event ev;

	assert_false(smux_next(x->m, &ev));
}

/* As many of the bytes as there is room for; returns their number. */
static inline size_t write_some(struct smux_stream *st, const void *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		struct span room = smux_reserve(st);

		if (room.n == 0)
			break;
		if (room.n > n - done)
			room.n = n - done;
		memcpy(room.p, (const uint8_t *)p + done, room.n);
		smux_commit(st, room.n);
		done += room.n;
	}
	return done;
}

static inline size_t write_zeros(struct smux_stream *st, size_t n)
{
	uint8_t *zeros = calloc(1, n);
	size_t done = write_some(st, zeros, n);

	free(zeros);
	return done;
}

/* The stream's unread bytes must begin with these; they are read. */
static inline void expect_read(struct smux_stream *st, const uint8_t *want, size_t n)
{
	struct span piece;

	while (n > 0) {
		size_t k;

		assert_int_equal(smux_peek(st, &piece, 1), 1);
		k = piece.n < n ? piece.n : n;
		assert_memory_equal(piece.p, want, k);
		smux_consume(st, k);
		want += k;
		n -= k;
	}
}

#endif
