/* seal_nonce.c - unpredictable nonces from a seed. */
#include "seal_nonce.h"

#include <openssl/crypto.h>
#include <stdbool.h>
#include <string.h>

#include "err.h"

enum { KEY_SIZE = 32 };

int seal_nonces_init(struct seal_nonces *n, const uint8_t seed[static SEAL_NONCE_SEED_SIZE])
{
	EVP_CIPHER *cipher;
	int ok;

	memcpy(n->next_seed, seed, SEAL_NONCE_SEED_SIZE);
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
void seal_nonces_reseed(struct seal_nonces *n, const uint8_t seed[static SEAL_NONCE_SEED_SIZE])
{
	for (size_t i = 0; i < SEAL_NONCE_SEED_SIZE; i++)
		n->next_seed[i] ^= seed[i];
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
	if (!stretch(n, n->next_seed, SEAL_NONCE_SEED_SIZE))
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
