/* test_siphash.c - SipHash-2-4 against libcrypto's, and the value of its paper. */
#include "siphash.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "wire.h"

static void count_up(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)i;
}

/* Appendix A of the paper. */
static void the_value_of_the_paper_comes_out(void **state)
{
	uint8_t key[SIPHASH_KEY_SIZE], text[15];

	count_up(key, sizeof(key));
	count_up(text, sizeof(text));
	assert_int_equal(siphash(key, text, sizeof(text)), UINT64_C(0xa129ca6149be45e5));
}

static uint64_t reference(EVP_MAC *mac, const uint8_t *key, const uint8_t *data, size_t len)
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	size_t size = 8, n;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
		OSSL_PARAM_construct_end(),
	};
	uint8_t out[8];

	assert_non_null(ctx);
	assert_true(EVP_MAC_init(ctx, key, SIPHASH_KEY_SIZE, params));
	assert_true(EVP_MAC_update(ctx, data, len));
	assert_true(EVP_MAC_final(ctx, out, &n, sizeof(out)));
	EVP_MAC_CTX_free(ctx);
	return load_le64(out);
}

static void every_length_gives_what_libcrypto_gives(void **state)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
	uint8_t key[SIPHASH_KEY_SIZE] = { 7, 1, 2, 0xff }, text[64];

	assert_non_null(mac);
	count_up(text, sizeof(text));
	for (size_t len = 0; len <= sizeof(text); len++)
		assert_int_equal(siphash(key, text, len), reference(mac, key, text, len));
	EVP_MAC_free(mac);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_value_of_the_paper_comes_out),
		cmocka_unit_test(every_length_gives_what_libcrypto_gives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
