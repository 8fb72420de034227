/* seal_nonce.c - unpredictable nonces from a seed.
 *
 * A run of AES-256-CTR key stream yields the key and counter of the next run and
 * 256 nonces; then its own key is forgotten, so that the state, when it leaks, does not
 * tell the past.  Runs never repeat: each has a key of its own.
 *
 * The CFB methods want a nonce that differs from packet to packet.  The AEAD methods
 * break when one key sees the same nonce twice, and here both ends, and every
 * earlier and later run of either, seal with one key and know nothing of each other.  As in
 * kcptun, chance keeps the 96-bit nonces apart: after 2^32 datagrams under one key (5 TB) they have
 * collided with a probability of 2^-33, the bound that NIST SP 800-38D sets; a key is
 * to be changed before. */
#include "err.h"
#include "seal_impl.h"

#include <openssl/crypto.h>
#include <string.h>

enum { KEY_SIZE = 32 };

int seal_nonces_init(struct seal_nonces *n, const uint8_t seed[static SEAL_SEED_SIZE])
{
	EVP_CIPHER *cipher;
	int ok;

	memcpy(n->next_seed, seed, SEAL_SEED_SIZE);
	n->used = SEAL_NONCE_COUNT;
	n->drawn = 0;
	n->ctx = EVP_CIPHER_CTX_new();
	if (n->ctx == NULL)
		return KT_ENOMEM;
	cipher = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL);
	ok = cipher != NULL && EVP_EncryptInit_ex(n->ctx, cipher, NULL, NULL, NULL);
	EVP_CIPHER_free(cipher);
	return ok ? KT_OK : KT_ENOSUP;
}

void seal_nonces_dispose(struct seal_nonces *n)
{
	EVP_CIPHER_CTX_free(n->ctx);
	OPENSSL_cleanse(n, sizeof(*n));
}

/* The old state goes into the new: a poor seed makes nothing worse. */
void seal_nonces_reseed(struct seal_nonces *n, const uint8_t seed[static SEAL_SEED_SIZE])
{
	seal_xor(n->next_seed, seed, SEAL_SEED_SIZE);
	n->used = SEAL_NONCE_COUNT;
	n->drawn = 0;
}

static bool stretch(struct seal_nonces *n, uint8_t *out, size_t len)
{
	int out_len;

	memset(out, 0, len);
	return EVP_EncryptUpdate(n->ctx, out, &out_len, out, (int)len);
}

static bool refill(struct seal_nonces *n)
{
	const uint8_t *seed = n->next_seed;

	if (!EVP_EncryptInit_ex(n->ctx, NULL, NULL, seed, seed + KEY_SIZE))
		return false;
	if (!stretch(n, n->next_seed, SEAL_SEED_SIZE))
		return false;
	if (!stretch(n, n->pool[0], sizeof(n->pool)))
		return false;
	n->used = 0;
	return true;
}

const uint8_t *seal_nonces_draw(struct seal_nonces *n)
{
	if (n->used == SEAL_NONCE_COUNT && !refill(n))
		return NULL;
	n->drawn++;
	return n->pool[n->used++];
}
