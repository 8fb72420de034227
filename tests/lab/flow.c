/* flow.c - one stream of a tunnel, seen from both of its ends. */
#include "flow.h"

#include <string.h>

#include "rng.h"
#include "tunnel.h"

/* The pattern's period is none of the sizes that anything in between works with. */
enum { PATTERN = 65521, PATTERN_MORE = 1 << 16 };

static const uint8_t *pattern(uint64_t at)
{
	static uint8_t bytes[PATTERN + PATTERN_MORE];

	if (bytes[0] == 0) {
		struct rng r = { 1 };

		rng_bytes(&r, bytes, PATTERN);
		bytes[0] = 1;
		for (size_t i = 0; i < PATTERN_MORE; i++)
			bytes[PATTERN + i] = bytes[i];
	}
	return bytes + at % PATTERN;
}

size_t flow_write(struct flow *f, unsigned end, size_t n)
{
	size_t done = 0;

	while (done < n) {
		struct span room = smux_reserve(f->stream[end]);
		size_t part = n - done < room.n ? n - done : room.n;

		part = part < PATTERN_MORE ? part : PATTERN_MORE;
		if (room.n == 0)
			break;
		memcpy(room.p, pattern(f->sent[end]), part);
		smux_commit(f->stream[end], part);
		f->sent[end] += part;
		done += part;
	}
	tunnel_touch(f->tunnel, f->conn, end);
	return done;
}

static void check(struct flow *f, unsigned end, struct span piece)
{
	for (size_t at = 0; at < piece.n; at += PATTERN_MORE) {
		size_t n = piece.n - at < PATTERN_MORE ? piece.n - at : PATTERN_MORE;

		if (memcmp(piece.p + at, pattern(f->received[end] + at), n) != 0)
			f->corrupt = true;
	}
}

size_t flow_read(struct flow *f, unsigned end)
{
	struct span piece;
	size_t n = 0;

	while (smux_peek(f->stream[end], &piece, 1) == 1) {
		check(f, end, piece);
		f->received[end] += piece.n;
		n += piece.n;
		smux_consume(f->stream[end], piece.n);
	}
	if (n > 0)
		tunnel_touch(f->tunnel, f->conn, end);
	if (f->corrupt)
		tunnel_fail(f->tunnel, "a stream brought other bytes than were sent");
	return n;
}

bool flow_eof(const struct flow *f, unsigned end)
{
	return smux_eof(f->stream[end]);
}

void flow_shut(struct flow *f, unsigned end)
{
	smux_shutdown(f->stream[end]);
	tunnel_touch(f->tunnel, f->conn, end);
}

void flow_release(struct flow *f, unsigned end)
{
	smux_release(f->stream[end], false);
	f->stream[end] = NULL;
	tunnel_touch(f->tunnel, f->conn, end);
}
