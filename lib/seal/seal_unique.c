/* seal_unique.c - nonces of 64 bits that do not repeat. */
#include "seal_unique.h"

#include <openssl/crypto.h>
#include <stdbool.h>
#include <string.h>

#include "err.h"
#include "wire.h"

enum { ROUNDS = 8, BLOCK = 16 };

struct halves {
	uint32_t left[SEAL_UNIQUE_COUNT], right[SEAL_UNIQUE_COUNT];
};

/* A key that is used for nothing else. */
static bool derive(uint8_t out[static SEAL_UNIQUE_KEY_SIZE], const uint8_t *key)
{
	static const char label[] = "kcptund: order of nonces";
	uint8_t text[sizeof(label) + SEAL_UNIQUE_KEY_SIZE];
	int ok;

	memcpy(text, label, sizeof(label));
	memcpy(text + sizeof(label), key, SEAL_UNIQUE_KEY_SIZE);
	ok = EVP_Digest(text, sizeof(text), out, NULL, EVP_sha256(), NULL);
	OPENSSL_cleanse(text, sizeof(text));
	return ok;
}

int seal_unique_init(struct seal_unique *u, const uint8_t key[static SEAL_UNIQUE_KEY_SIZE],
		     const uint8_t start[static SEAL_UNIQUE_SIZE])
{
	uint8_t own[SEAL_UNIQUE_KEY_SIZE];
	EVP_CIPHER *cipher;
	bool ok;

	u->next = load_le64(start);
	u->used = SEAL_UNIQUE_COUNT;
	u->ctx = EVP_CIPHER_CTX_new();
	if (u->ctx == NULL)
		return KT_ENOMEM;
	cipher = EVP_CIPHER_fetch(NULL, "AES-256-ECB", NULL);
	ok = cipher != NULL && derive(own, key) &&
	     EVP_EncryptInit_ex(u->ctx, cipher, NULL, own, NULL) &&
	     EVP_CIPHER_CTX_set_padding(u->ctx, 0);
	EVP_CIPHER_free(cipher);
	OPENSSL_cleanse(own, sizeof(own));
	return ok ? KT_OK : KT_ENOSUP;
}

void seal_unique_dispose(struct seal_unique *u)
{
	EVP_CIPHER_CTX_free(u->ctx);
	OPENSSL_cleanse(u, sizeof(*u));
}

/* left, right = right, left ^ F(number, right) */
static bool feistel_round(struct seal_unique *u, struct halves *h, uint8_t number)
{
	uint8_t blocks[SEAL_UNIQUE_COUNT * BLOCK] = { 0 };
	int len;

	for (size_t i = 0; i < SEAL_UNIQUE_COUNT; i++) {
		store_le32(blocks + BLOCK * i, h->right[i]);
		blocks[BLOCK * i + 4] = number;
	}
	if (!EVP_EncryptUpdate(u->ctx, blocks, &len, blocks, sizeof(blocks)))
		return false;
	for (size_t i = 0; i < SEAL_UNIQUE_COUNT; i++) {
		uint32_t mixed = h->left[i] ^ load_le32(blocks + BLOCK * i);

		h->left[i] = h->right[i];
		h->right[i] = mixed;
	}
	return true;
}

static bool refill(struct seal_unique *u)
{
	struct halves h;

	for (size_t i = 0; i < SEAL_UNIQUE_COUNT; i++) {
		uint64_t number = u->next + i;

		h.left[i] = (uint32_t)(number >> 32);
		h.right[i] = (uint32_t)number;
	}
	for (uint8_t round = 0; round < ROUNDS; round++)
		if (!feistel_round(u, &h, round))
			return false;
	for (size_t i = 0; i < SEAL_UNIQUE_COUNT; i++) {
		store_le32(u->pool[i], h.left[i]);
		store_le32(u->pool[i] + 4, h.right[i]);
	}
	u->next += SEAL_UNIQUE_COUNT;
	u->used = 0;
	return true;
}

const uint8_t *seal_unique_draw(struct seal_unique *u)
{
	if (u->used == SEAL_UNIQUE_COUNT && !refill(u))
		return NULL;
	return u->pool[u->used++];
}
