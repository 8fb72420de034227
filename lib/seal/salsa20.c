/* salsa20.c - the stream cipher of nettle: the datagram's first 8 bytes stay clear and are its nonce. */
#include "err.h"
#include "seal_impl.h"

#include <string.h>

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

const struct seal_ops seal_salsa20_ops = {
	salsa20_setup, salsa20_dispose, salsa20_seal, salsa20_open, salsa20_identity,
};
