/* twofish.c - the block cipher of nettle. */
#include "err.h"
#include "seal_impl.h"

static bool twofish_blocks(struct seal_block *b, uint8_t *out, const uint8_t *in, size_t len)
{
	twofish_encrypt(&b->twofish, len, out, in);
	return true;
}

int seal_block_twofish(struct seal_block *b, const struct seal_impl *impl, const uint8_t *pass)
{
	twofish_set_key(&b->twofish, impl->key_size, pass);
	b->encrypt = twofish_blocks;
	return KT_OK;
}
