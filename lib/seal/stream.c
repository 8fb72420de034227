/* stream.c - the methods without a cipher: xor, none, null. */
#include "err.h"
#include "seal_impl.h"

#include <string.h>

/* --- xor: a table made from the derived key, not from the key string --- */

static int xor_setup(struct seal *s, const uint8_t pass[static SEAL_KEY_SIZE])
{
	static const unsigned char salt[] = "sH3CIVoF#rWLtJo6";
	enum { ITERATIONS = 32 };

	return PKCS5_PBKDF2_HMAC_SHA1((const char *)pass, SEAL_KEY_SIZE, salt, sizeof(salt) - 1,
				      ITERATIONS, sizeof(s->xor_table), s->xor_table)
		       ? KT_OK
		       : KT_ENOSUP;
}

static bool xor_seal(struct seal *s, struct packet *pkts, size_t count)
{
	if (!seal_crc_frame(s, pkts, count))
		return false;
	for (size_t i = 0; i < count; i++)
		seal_xor(pkts[i].data, s->xor_table, pkts[i].len);
	return true;
}

static void xor_open(struct seal *s, struct packet *pkts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!pkts[i].bad)
			seal_xor(pkts[i].data, s->xor_table, pkts[i].len);
	seal_crc_check(pkts, count);
}

/* --- none: the frame alone --- */

static int plain_setup(struct seal *s, const uint8_t pass[static SEAL_KEY_SIZE])
{
	return KT_OK;
}

static void none_open(struct seal *s, struct packet *pkts, size_t count)
{
	seal_crc_check(pkts, count);
}

/* --- null: not even that --- */

static bool null_seal(struct seal *s, struct packet *pkts, size_t count)
{
	return true;
}

static void null_open(struct seal *s, struct packet *pkts, size_t count)
{
}

static size_t null_identity(struct seal *s, const uint8_t *head, uint8_t *id)
{
	return 0;
}

static void nothing_to_dispose(struct seal *s)
{
}

const struct seal_ops seal_xor_ops = { xor_setup, nothing_to_dispose, xor_seal, xor_open,
				       seal_crc_identity };
const struct seal_ops seal_none_ops = { plain_setup, nothing_to_dispose, seal_crc_frame, none_open,
					seal_crc_identity };
const struct seal_ops seal_null_ops = { plain_setup, nothing_to_dispose, null_seal, null_open,
					null_identity };
