/* header.c - the first bytes of a frame. */
#include "err.h"
#include "smux.h"

void smux_header_encode(uint8_t out[static SMUX_HEADER], const struct smux_header *h)
{
	out[0] = h->ver;
	out[1] = h->cmd;
	store_le16(out + 2, h->length);
	store_le32(out + 4, h->sid);
}

int smux_header_decode(struct smux_header *h, int ver, struct view bytes)
{
	if (bytes.n < SMUX_HEADER)
		return KT_EAGAIN;
	h->ver = bytes.p[0];
	h->cmd = bytes.p[1];
	h->length = load_le16(bytes.p + 2);
	h->sid = load_le32(bytes.p + 4);
	if (h->ver != ver || h->cmd > (ver == 1 ? SMUX_NOP : SMUX_UPD))
		return KT_EPROTO;
	return KT_OK;
}
