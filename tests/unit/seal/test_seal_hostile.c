/* test_seal_hostile.c - hostile datagrams open nothing; where libcrypto fails, nothing leaves. */
#include "seal_bed.h"

/* --- hostile datagrams --- */

/* Which bytes a change of goes unnoticed: parts of the nonce that reach neither
 * checksum nor payload (protocol section 8, item 2). */
static bool unprotected(const struct seal_method *m, size_t at)
{
	if (m->impl->ops == &seal_null_ops)
		return true;
	if (m->impl->ops == &seal_aead_ops)
		return false;
	if (m->impl->ops == &seal_cfb_ops)
		return m->impl->block_size == 8 && at < 8;
	if (m->impl->ops == &seal_salsa20_ops)
		return at >= 8 && at < 16;
	return at < 16;
}

static void check_tampering(struct seal *s)
{
	uint8_t d[128];
	size_t len = make_datagram(s, d);

	for (size_t i = 0; i < len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			d[i] ^= (uint8_t)(1u << bit);
			assert_int_equal(opens(s, d, len), unprotected(s->method, i));
			d[i] ^= (uint8_t)(1u << bit);
		}
	}
	assert_true(opens(s, d, len));
}

static void a_change_of_any_bit_is_noticed_except_in_idle_nonce_bytes(void **state)
{
	for (size_t i = 0; i < seal_method_count; i++) {
		struct seal *s = make(&seal_methods[i]);

		if (s == NULL)
			continue;
		check_tampering(s);
		seal_free(s);
	}
	assert_int_equal(ERR_peek_error(), 0);
}

/* Of a copy, which must open. */
static size_t identity_of(struct seal *s, const uint8_t *data, size_t len, uint8_t *id)
{
	struct packet p = datagram_packet(data, len);
	size_t n;

	assert_int_equal(seal_open_batch(s, &p, 1), 1);
	n = seal_identity(s, &p, id);
	assert_true(n <= SEAL_IDENTITY_MAX);
	free(p.mem);
	return n;
}

/* Whoever changes a datagram so that it still opens has not made another one of it. */
static void check_identity_holds(struct seal *s)
{
	uint8_t d[128], id[SEAL_IDENTITY_MAX], other[SEAL_IDENTITY_MAX];
	size_t len = make_datagram(s, d), n = identity_of(s, d, len, id);
	bool weak = s->method->impl->ops == &seal_xor_ops || s->method->impl->ops == &seal_none_ops;

	assert_true(n >= 8);
	for (size_t i = 0; i < SEAL_NONCE_SIZE && !weak; i++) {
		if (!unprotected(s->method, i))
			continue;
		d[i] ^= 0x55;
		assert_int_equal(identity_of(s, d, len, other), n);
		assert_memory_equal(id, other, n);
	}
	for (int i = 0; i < 100; i++) {
		len = make_datagram(s, d);
		assert_int_equal(identity_of(s, d, len, other), n);
		assert_memory_not_equal(id, other, n);
	}
}

static void an_identity_is_one_datagrams_whatever_is_done_to_it(void **state)
{
	for (size_t i = 0; i < seal_method_count; i++) {
		struct seal *s = make(&seal_methods[i]);
		uint8_t id[SEAL_IDENTITY_MAX], d[128];

		if (s == NULL)
			continue;
		if (s->method->head > 0)
			check_identity_holds(s);
		else
			assert_int_equal(identity_of(s, d, make_datagram(s, d), id), 0);
		seal_free(s);
	}
}

static void every_truncation_is_bad(void **state)
{
	uint8_t d[128];

	for (size_t i = 0; i < seal_method_count; i++) {
		const struct seal_method *m = &seal_methods[i];
		struct seal *s = make(m);
		size_t len;

		if (s == NULL)
			continue;
		len = make_datagram(s, d);
		for (size_t n = 0; n < len; n++)
			assert_int_equal(opens(s, d, n), overhead(m) == 0 && n >= SEAL_PAYLOAD_MIN);
		seal_free(s);
	}
}

static void another_key_opens_nothing(void **state)
{
	uint8_t d[128];

	for (size_t i = 0; i < seal_method_count; i++) {
		const struct seal_method *m = &seal_methods[i];
		struct seal *s = make(m), *other;
		size_t len;

		if (s == NULL)
			continue;
		other = make_with(m, empty_pass, seed);
		len = make_datagram(s, d);
		assert_int_equal(opens(other, d, len), m->impl->key_size == 0);
		seal_free(other);
		seal_free(s);
	}
}

static void datagrams_above_the_largest_are_bad_and_the_largest_opens(void **state)
{
	static const size_t lens[] = { 1501, 1502, 1516, 1600, 2048, 65535 };
	uint8_t *zeros = calloc(1, 65535);

	assert_non_null(zeros);
	for (size_t i = 0; i < seal_method_count; i++) {
		const struct seal_method *m = &seal_methods[i];
		struct seal *s = make(m);
		struct packet p;

		if (s == NULL)
			continue;
		for (size_t k = 0; k < ARRAY_LEN(lens); k++)
			assert_false(opens(s, zeros, lens[k]));
		p = payload_packet(m, zeros, PACKET_MTU_MAX - overhead(m));
		seal_batch(s, &p, 1);
		assert_int_equal(p.len, PACKET_MTU_MAX);
		assert_int_equal(seal_open_batch(s, &p, 1), 1);
		free(p.mem);
		seal_free(s);
	}
	free(zeros);
}

/* Every third is marked bad before, every third is damaged, the rest must open. */
static void check_mixture(struct seal *s)
{
	struct packet p[70];
	uint8_t d[128], original[128];
	size_t len = make_datagram(s, original), expected = 0;

	for (size_t i = 0; i < ARRAY_LEN(p); i++) {
		memcpy(d, original, len);
		if (i % 3 == 1)
			d[len - 1] ^= 1;
		p[i] = datagram_packet(d, len);
		p[i].bad = i % 3 == 0;
		expected += i % 3 == 2 || (i % 3 == 1 && overhead(s->method) == 0);
	}
	assert_int_equal(seal_open_batch(s, p, ARRAY_LEN(p)), expected);
	for (size_t i = 0; i < ARRAY_LEN(p); i++) {
		assert_int_equal(p[i].bad, i % 3 == 0 || (i % 3 == 1 && overhead(s->method) > 0));
		if (i % 3 == 0) {
			assert_ptr_equal(p[i].data, p[i].mem);
			assert_int_equal(p[i].len, len);
			assert_memory_equal(p[i].data, original, len);
		} else if (i % 3 == 2) {
			assert_int_equal(p[i].len, 100);
		}
		free(p[i].mem);
	}
}

static void bad_packets_are_left_alone_and_spoil_no_others(void **state)
{
	for (size_t i = 0; i < seal_method_count; i++) {
		struct seal *s = make(&seal_methods[i]);

		if (s == NULL)
			continue;
		check_mixture(s);
		seal_free(s);
	}
}

static void random_datagrams_do_not_open(void **state)
{
	uint8_t d[PACKET_MTU_MAX];

	for (size_t i = 0; i < seal_method_count; i++) {
		const struct seal_method *m = &seal_methods[i];
		struct seal *s = make(m);
		uint32_t x = 11;

		if (s == NULL)
			continue;
		for (unsigned k = 0; k < 100; k++) {
			size_t len = draw(&x) % (sizeof(d) + 1);

			fill(d, len, x);
			assert_int_equal(opens(s, d, len),
					 overhead(m) == 0 && len >= SEAL_PAYLOAD_MIN);
		}
		seal_free(s);
	}
}

/* --- libcrypto's failures --- */

static void a_missing_legacy_provider_is_told_and_harms_no_other_method(void **state)
{
	assert_int_equal(setenv("OPENSSL_MODULES", "/nonexistent", 1), 0);
	for (size_t i = 0; i < seal_method_count; i++) {
		const struct seal_method *m = &seal_methods[i];
		bool legacy = strcmp(m->name, "blowfish") == 0 || strcmp(m->name, "cast5") == 0;
		int err = 99;
		struct seal *s = seal_new(m, pass, seed, &err);

		assert_int_equal(err, legacy ? KT_ENOSUP : KT_OK);
		assert_int_equal(s == NULL, legacy);
		if (legacy)
			assert_non_null(strstr(seal_missing(m), "legacy provider"));
		seal_free(s);
		assert_null(legacy ? seal_new(m, pass, seed, NULL) : NULL);
	}
	assert_int_equal(ERR_peek_error(), 0);
	unsetenv("OPENSSL_MODULES");
}

static void the_legacy_provider_stays_out_of_the_default_context(void **state)
{
	struct seal *s = make_named("blowfish", pass);

	assert_false(OSSL_PROVIDER_available(NULL, "legacy"));
	if (s != NULL)
		assert_true(OSSL_PROVIDER_available(s->cfb.block.library, "legacy"));
	seal_free(s);
}

/* What an EVP context does when libcrypto runs out of memory: refuse. */
static void break_ctx(EVP_CIPHER_CTX *ctx)
{
	assert_true(EVP_CIPHER_CTX_reset(ctx));
}

static void expect_nothing_leaves(struct seal *s)
{
	struct packet p[3];
	uint8_t text[50] = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		p[i] = payload_packet(s->method, text, sizeof(text));
	seal_batch(s, p, ARRAY_LEN(p));
	for (size_t i = 0; i < ARRAY_LEN(p); i++) {
		assert_int_equal(p[i].len, 0);
		assert_true(p[i].bad);
		free(p[i].mem);
	}
}

static void no_datagram_leaves_in_clear_when_libcrypto_fails(void **state)
{
	struct seal *s = make_named("aes", pass);
	uint8_t d[128];
	size_t len = make_datagram(s, d);

	break_ctx(s->cfb.block.evp);
	expect_nothing_leaves(s);
	assert_false(opens(s, d, len));
	seal_free(s);

	s = make_named("aes-128-gcm", pass);
	len = make_datagram(s, d);
	break_ctx(s->aead.seal);
	expect_nothing_leaves(s);
	assert_true(opens(s, d, len));
	break_ctx(s->aead.open);
	assert_false(opens(s, d, len));
	seal_free(s);
	ERR_clear_error();
}

static void no_datagram_leaves_without_a_nonce(void **state)
{
	static const char *const names[] = { "aes", "salsa20", "xor", "none", "aes-256-gcm" };
	struct seal *salsa20 = make_named("salsa20", pass);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct seal *s = make_named(names[i], pass);

		break_ctx(s->nonces.ctx);
		s->nonces.used = SEAL_NONCE_COUNT; /* salsa20 began with one */
		expect_nothing_leaves(s);
		seal_free(s);
	}
	break_ctx(salsa20->salsa20.nonces.ctx);
	expect_nothing_leaves(salsa20);
	seal_free(salsa20);
	ERR_clear_error();
}

static void freeing_nothing_is_fine(void **state)
{
	seal_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_of_any_bit_is_noticed_except_in_idle_nonce_bytes),
		cmocka_unit_test(an_identity_is_one_datagrams_whatever_is_done_to_it),
		cmocka_unit_test(every_truncation_is_bad),
		cmocka_unit_test(another_key_opens_nothing),
		cmocka_unit_test(datagrams_above_the_largest_are_bad_and_the_largest_opens),
		cmocka_unit_test(bad_packets_are_left_alone_and_spoil_no_others),
		cmocka_unit_test(random_datagrams_do_not_open),
		cmocka_unit_test(a_missing_legacy_provider_is_told_and_harms_no_other_method),
		cmocka_unit_test(the_legacy_provider_stays_out_of_the_default_context),
		cmocka_unit_test(no_datagram_leaves_in_clear_when_libcrypto_fails),
		cmocka_unit_test(no_datagram_leaves_without_a_nonce),
		cmocka_unit_test(freeing_nothing_is_fine),
	};

	return cmocka_run_group_tests(tests, derive_keys, no_error_of_libcrypto_is_left);
}
