/* tell.c - a conversation is not known here. */
#include "tell.h"

#include <string.h>

#include "fec.h"
#include "piece.h"

enum { KIND_UNKNOWN = 1 };

/* Of its first segment, or of the one that it is a piece of; NULL: it has none. */
static const uint8_t *header_of(struct view answered, struct kcp_seg_header *h)
{
	struct view inner;

	switch (fec_classify(answered, &inner)) {
	case FEC_PLAIN:
	case FEC_DATA:
		return kcp_header_decode(h, inner.p, inner.n) ? inner.p : NULL;
	case FEC_PIECE:
		return piece_header(answered, h) ? answered.p + PIECE_PREFIX : NULL;
	default:
		return NULL;
	}
}

bool tell_encode(uint8_t *buf, struct view answered, uint32_t uptime_ms)
{
	struct kcp_seg_header h;
	const uint8_t *header = header_of(answered, &h);

	if (header == NULL)
		return false;
	store_le32(buf, h.conv);
	store_le16(buf + 4, FEC_TYPE_TELL);
	store_le16(buf + 6, KIND_UNKNOWN);
	store_le32(buf + 8, uptime_ms);
	memcpy(buf + 12, header, KCP_OVERHEAD);
	return true;
}

bool tell_decode(struct view payload, struct tell *t)
{
	uint8_t header[KCP_OVERHEAD];

	if (payload.n != TELL_BYTES || load_le16(payload.p + 4) != FEC_TYPE_TELL ||
	    load_le16(payload.p + 6) != KIND_UNKNOWN)
		return false;
	memcpy(header, payload.p + 12, sizeof(header));
	store_le32(header + 20, 0); /* the length of what is not here */
	t->conv = load_le32(payload.p);
	t->uptime_ms = load_le32(payload.p + 8);
	return kcp_header_decode(&t->answered, header, sizeof(header));
}
