/* piece.h - a segment in pieces, between two kcptunds.
 *
 * A segment keeps its length for ever, and where the path has become too narrow for it, fragments of IP are
 * the only way to a peer that knows no other.  Many networks drop those, and IPv6 has them cut by nobody on
 * the way.  A kcptund understands the segment in pieces instead:
 *
 *     0      4        6      7       8                32
 *     | conv | 0x00fa | part | parts | KCP's header   | payload
 *
 * All of them have the segment's header, with the length of the whole; all but the last are equally long,
 * and there are as many as that takes.  Each is a datagram. */
#ifndef KT_PIECE_H
#define KT_PIECE_H

#include "kcp.h"
#include "packet.h"
#include "wire.h"

enum {
	PIECE_PREFIX = 8,
	PIECE_HEADER = PIECE_PREFIX + KCP_OVERHEAD,
	PIECE_PARTS_MAX = 8,
	PIECE_SEGS = 32, /* of which a receiver holds some parts at once */
};

/* Cut the packet, one segment behind its header with PIECE_PREFIX bytes of headroom, into pieces of at most
 * `bytes_max`: it becomes the first, and the others are appended to `b`, each with its path.  False where that
 * takes too many, or `b` has no room: nothing was changed. */
bool piece_cut(struct batch *b, size_t index, size_t bytes_max);

/* Of the whole segment; false when it is no piece. */
bool piece_header(struct view piece, struct kcp_seg_header *h);

struct piece_in;

/* NULL when out of memory. */
struct piece_in *piece_in_new(void);
void piece_in_free(struct piece_in *in);
/* A datagram of the type, of this conversation.  True when it was the last that was missing: *segment is header and
 * payload, valid until the next call.  Bad ones are ignored. */
bool piece_in_add(struct piece_in *in, uint32_t conv, struct view piece, struct view *segment);
/* It came already, and its segment waits for others. */
bool piece_in_has(const struct piece_in *in, uint32_t conv, struct view piece);
size_t piece_in_memory(const struct piece_in *in);

#endif
