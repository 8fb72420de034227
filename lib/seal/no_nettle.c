/* no_nettle.c - what stands for the ciphers of nettle in a build without it: they cannot be set up. */
#include "err.h"
#include "seal_impl.h"

int seal_block_twofish(struct seal_block *b, const struct seal_impl *impl, const uint8_t *pass)
{
	return KT_ENOSUP;
}

static int setup(struct seal *s, const uint8_t pass[static SEAL_KEY_SIZE])
{
	return KT_ENOSUP;
}

static void dispose(struct seal *s)
{
}

const struct seal_ops seal_salsa20_ops = { .setup = setup, .dispose = dispose };
