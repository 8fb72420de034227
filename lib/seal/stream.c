/* stream.c - the methods without a block cipher: salsa20, xor, none, null. */
#include "err.h"
#include "seal_impl.h"

#include <string.h>

/* --- salsa20: the datagram's first 8 bytes stay clear and are the cipher's nonce --- */

static int salsa20_setup(struct seal *s, const uint8_t pass[static SEAL_KEY_SIZE])
{
	const uint8_t *start = seal_nonces_draw(&s->nonces);

	if (start == NULL)
		return KT_ENOSUP;
	salsa20_256_set_key(&s->salsa20.cipher, pass);
	return seal_unique_init(&s->salsa20.nonces, pass, start);
}

static void salsa20_dispose(struct seal *s)
{
	seal_unique_dispose(&s->salsa20.nonces);
}

static void salsa20_apply(struct seal *s, const struct packet *p)
{
	uint8_t *text = p->data + SALSA20_NONCE_SIZE;

	salsa20_set_nonce(&s->salsa20.cipher, p->data);
	salsa20_crypt(&s->salsa20.cipher, p->len - SALSA20_NONCE_SIZE, text, text);
}

static bool salsa20_seal(struct seal *s, struct packet *pkts, size_t count)
{
	if (!seal_crc_frame(s, pkts, count))
		return false;
	for (size_t i = 0; i < count; i++) {
		const uint8_t *nonce = seal_unique_draw(&s->salsa20.nonces);

		if (nonce == NULL)
			return false;
		memcpy(pkts[i].data, nonce, SALSA20_NONCE_SIZE);
		salsa20_apply(s, &pkts[i]);
	}
	return true;
}

static void salsa20_open(struct seal *s, struct packet *pkts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!pkts[i].bad)
			salsa20_apply(s, &pkts[i]);
	seal_crc_check(pkts, count);
}

/* The other half only hides: it may be changed at will. */
static size_t salsa20_identity(struct seal *s, const uint8_t *head, uint8_t *id)
{
	memcpy(id, head, SALSA20_NONCE_SIZE);
	return SALSA20_NONCE_SIZE;
}

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

const struct seal_ops seal_salsa20_ops = {
	salsa20_setup, salsa20_dispose, salsa20_seal, salsa20_open, salsa20_identity,
};
const struct seal_ops seal_xor_ops = { xor_setup, nothing_to_dispose, xor_seal, xor_open,
				       seal_crc_identity };
const struct seal_ops seal_none_ops = { plain_setup, nothing_to_dispose, seal_crc_frame, none_open,
					seal_crc_identity };
const struct seal_ops seal_null_ops = { plain_setup, nothing_to_dispose, null_seal, null_open,
					null_identity };
