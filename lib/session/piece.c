/* piece.c - segments cut into pieces, and put together. */
#include "piece.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fec.h"

enum { SEGMENT_MAX = PACKET_MTU_MAX };

/* ---- sender ----------------------------------------------------------------- */

static void put_prefix(uint8_t *out, const uint8_t *header, size_t part, size_t parts)
{
	memcpy(out, header, 4); /* the conv */
	store_le16(out + 4, FEC_TYPE_PIECE);
	out[6] = (uint8_t)part;
	out[7] = (uint8_t)parts;
}

bool piece_cut(struct batch *b, size_t index, size_t bytes_max)
{
	struct packet *whole = &b->v[index];
	const uint8_t *header = whole->data, *payload = whole->data + KCP_OVERHEAD;
	size_t n = whole->len - KCP_OVERHEAD, parts, each;

	if (bytes_max <= PIECE_HEADER || n == 0)
		return false;
	parts = (n - 1) / (bytes_max - PIECE_HEADER) + 1;
	each = (n - 1) / parts + 1;
	if (parts > PIECE_PARTS_MAX || batch_room(b) < parts - 1)
		return false;
	for (size_t i = 1; i < parts; i++) {
		struct packet *pkt = batch_add(b);
		size_t from = i * each, bytes = n - from < each ? n - from : each;

		if (pkt == NULL) {
			for (; i > 1; i--)
				batch_undo(b);
			return false;
		}
		put_prefix(pkt->data, header, i, parts);
		memcpy(pkt->data + PIECE_PREFIX, header, KCP_OVERHEAD);
		memcpy(pkt->data + PIECE_HEADER, payload + from, bytes);
		pkt->len = PIECE_HEADER + bytes;
		pkt->path = whole->path;
	}
	whole->data -= PIECE_PREFIX;
	put_prefix(whole->data, header, 0, parts);
	whole->len = PIECE_HEADER + each;
	return true;
}

/* ---- receiver --------------------------------------------------------------- */

/* A segment of which some parts came. */
struct whole {
	uint32_t sn, len;
	uint8_t parts;
	uint8_t came; /* a bit for each; 0: nothing is here */
	uint8_t bytes[KCP_OVERHEAD + SEGMENT_MAX];
};

struct piece_in {
	struct whole wholes[PIECE_SEGS];
};

static_assert(PIECE_PARTS_MAX <= 8, "a bit for each part");

struct piece_in *piece_in_new(void)
{
	return calloc(1, sizeof(struct piece_in));
}

void piece_in_free(struct piece_in *in)
{
	free(in);
}

size_t piece_in_memory(const struct piece_in *in)
{
	return in != NULL ? sizeof(*in) : 0;
}

struct piece {
	uint8_t part, parts;
	const uint8_t *header;
	uint32_t sn, len; /* of the whole */
	size_t from;
	struct view payload;
};

bool piece_header(struct view piece, struct kcp_seg_header *h)
{
	uint8_t header[KCP_OVERHEAD];
	uint32_t len;

	if (piece.n <= PIECE_HEADER)
		return false;
	memcpy(header, piece.p + PIECE_PREFIX, sizeof(header));
	len = load_le32(header + 20);
	store_le32(header + 20, 0); /* the payload is not behind it */
	if (!kcp_header_decode(h, header, sizeof(header)))
		return false;
	h->len = len;
	return h->conv == load_le32(piece.p) && h->cmd == KCP_CMD_PUSH;
}

/* The parts' lengths follow from that of the whole. */
static bool decode(struct piece *p, uint32_t conv, struct view v)
{
	struct kcp_seg_header h;
	size_t each;

	if (!piece_header(v, &h) || h.conv != conv)
		return false;
	*p = (struct piece){
		.part = v.p[6],
		.parts = v.p[7],
		.header = v.p + PIECE_PREFIX,
		.sn = h.sn,
		.len = h.len,
		.payload = { v.p + PIECE_HEADER, v.n - PIECE_HEADER },
	};
	if (p->len > SEGMENT_MAX || p->parts < 1 || p->parts > PIECE_PARTS_MAX || p->part >= p->parts)
		return false;
	each = (p->len + p->parts - 1u) / p->parts;
	p->from = p->part * each;
	return p->from < p->len &&
	       p->payload.n == (p->part + 1u < p->parts ? each : p->len - p->from);
}

static uint32_t ts_of(const uint8_t *header)
{
	return load_le32(header + 8);
}

bool piece_in_has(const struct piece_in *in, uint32_t conv, struct view v)
{
	const struct whole *w;
	struct piece p;

	if (in == NULL || !decode(&p, conv, v))
		return false;
	w = &in->wholes[p.sn % PIECE_SEGS];
	return w->sn == p.sn && (w->came & 1u << p.part) != 0 &&
	       (int32_t)(ts_of(p.header) - ts_of(w->bytes)) <= 0;
}

bool piece_in_add(struct piece_in *in, uint32_t conv, struct view v, struct view *segment)
{
	struct whole *w;
	struct piece p;

	if (!decode(&p, conv, v))
		return false;
	w = &in->wholes[p.sn % PIECE_SEGS];
	if (w->came == 0 || w->sn != p.sn || w->len != p.len || w->parts != p.parts) {
		w->sn = p.sn;
		w->len = p.len;
		w->parts = p.parts;
		w->came = 0;
	}
	memcpy(w->bytes, p.header, KCP_OVERHEAD); /* the latest, as what it tells of */
	memcpy(w->bytes + KCP_OVERHEAD + p.from, p.payload.p, p.payload.n);
	w->came |= (uint8_t)(1u << p.part);
	if (w->came != (1u << p.parts) - 1u)
		return false;
	w->came = 0;
	*segment = (struct view){ w->bytes, KCP_OVERHEAD + p.len };
	return true;
}
