/* aead.c - the AEAD methods: nonce | ciphertext | tag, no associated data. */
#include "err.h"
#include "seal_impl.h"

#include <string.h>

static EVP_CIPHER_CTX *keyed(const EVP_CIPHER *cipher, const uint8_t *key, int encrypt)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (ctx != NULL && !EVP_CipherInit_ex(ctx, cipher, NULL, key, NULL, encrypt)) {
		EVP_CIPHER_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

static int aead_setup(struct seal *s, const uint8_t pass[static SEAL_KEY_SIZE])
{
	const struct seal_impl *impl = s->method->impl;
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, impl->evp_name, NULL);

	if (cipher == NULL)
		return KT_ENOSUP;
	if (EVP_CIPHER_get_iv_length(cipher) == SEAL_AEAD_NONCE_SIZE &&
	    (size_t)EVP_CIPHER_get_key_length(cipher) == impl->key_size) {
		s->aead.seal = keyed(cipher, pass, 1);
		s->aead.open = keyed(cipher, pass, 0);
	}
	EVP_CIPHER_free(cipher);
	return s->aead.seal != NULL && s->aead.open != NULL ? KT_OK : KT_ENOSUP;
}

static void aead_dispose(struct seal *s)
{
	EVP_CIPHER_CTX_free(s->aead.seal);
	EVP_CIPHER_CTX_free(s->aead.open);
}

static bool seal_one(struct seal *s, struct packet *p)
{
	EVP_CIPHER_CTX *ctx = s->aead.seal;
	const uint8_t *nonce = seal_nonces_draw(&s->nonces);
	uint8_t *end = p->data + p->len;
	int n;

	if (nonce == NULL || !EVP_EncryptInit_ex(ctx, NULL, NULL, NULL, nonce) ||
	    !EVP_EncryptUpdate(ctx, p->data, &n, p->data, (int)p->len) ||
	    !EVP_EncryptFinal_ex(ctx, end, &n) ||
	    !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SEAL_AEAD_TAG_SIZE, end))
		return false;
	p->data -= SEAL_AEAD_NONCE_SIZE;
	p->len += SEAL_AEAD_NONCE_SIZE + SEAL_AEAD_TAG_SIZE;
	memcpy(p->data, nonce, SEAL_AEAD_NONCE_SIZE);
	return true;
}

static bool open_one(struct seal *s, struct packet *p)
{
	EVP_CIPHER_CTX *ctx = s->aead.open;
	uint8_t *text = p->data + SEAL_AEAD_NONCE_SIZE;
	size_t len = p->len - SEAL_AEAD_NONCE_SIZE - SEAL_AEAD_TAG_SIZE;
	int n;

	if (!EVP_DecryptInit_ex(ctx, NULL, NULL, NULL, p->data) ||
	    !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SEAL_AEAD_TAG_SIZE, text + len) ||
	    !EVP_DecryptUpdate(ctx, text, &n, text, (int)len) ||
	    !EVP_DecryptFinal_ex(ctx, text + len, &n))
		return false;
	p->data = text;
	p->len = len;
	return true;
}

static bool aead_seal(struct seal *s, struct packet *pkts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!seal_one(s, &pkts[i]))
			return false;
	return true;
}

static void aead_open(struct seal *s, struct packet *pkts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!pkts[i].bad)
			pkts[i].bad = !open_one(s, &pkts[i]);
}

static size_t aead_identity(struct seal *s, const uint8_t *head, uint8_t *id)
{
	memcpy(id, head, SEAL_AEAD_NONCE_SIZE);
	return SEAL_AEAD_NONCE_SIZE;
}

const struct seal_ops seal_aead_ops = { aead_setup, aead_dispose, aead_seal, aead_open,
					aead_identity };
