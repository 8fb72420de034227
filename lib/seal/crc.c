/* crc.c - the frame of nonce and CRC-32 around a payload. */
#include "crc32.h"
#include "seal_impl.h"

#include <string.h>

static uint32_t crc_of(const struct packet *p)
{
	return kt_crc32((struct view){ p->data, p->len });
}

bool seal_crc_frame(struct seal *s, struct packet *pkts, size_t count)
{
	for (struct packet *p = pkts; p < pkts + count; p++) {
		const uint8_t *nonce = seal_nonces_draw(&s->nonces);
		uint32_t crc = crc_of(p);

		if (nonce == NULL)
			return false;
		p->data -= SEAL_CRC_HEAD;
		p->len += SEAL_CRC_HEAD;
		memcpy(p->data, nonce, SEAL_NONCE_SIZE);
		store_le32(p->data + SEAL_NONCE_SIZE, crc);
	}
	return true;
}

void seal_crc_check(struct packet *pkts, size_t count)
{
	for (struct packet *p = pkts; p < pkts + count; p++) {
		uint32_t crc;

		if (p->bad)
			continue;
		crc = load_le32(p->data + SEAL_NONCE_SIZE);
		p->data += SEAL_CRC_HEAD;
		p->len -= SEAL_CRC_HEAD;
		p->bad = crc_of(p) != crc;
	}
}

size_t seal_crc_identity(struct seal *s, const uint8_t *head, uint8_t *id)
{
	memcpy(id, head, SEAL_NONCE_SIZE);
	return SEAL_NONCE_SIZE;
}
