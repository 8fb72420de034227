/* test_qpp.c - QPP: the vectors in all their cuts, round trips, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "qpp.h"
#include "vectors.h"

static const char key[] = "it's a secret";

static uint32_t seed = 1;

static uint32_t rnd(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(seed ^ seed >> 15) * below >> 32);
}

static struct qpp *make(const void *k, size_t len, unsigned count)
{
	int err = -99;
	struct qpp *q = qpp_new(k, len, count, &err);

	assert_non_null(q);
	assert_int_equal(err, KT_OK);
	return q;
}

/* ---- vectors ------------------------------------------------------------- */

static struct qpp *from_record(const struct vec_record *r)
{
	struct vec_bytes k = vec_hex(r, "seed");
	struct qpp *q = make(k.p, k.n, (unsigned)vec_number(r, "count"));

	vec_bytes_free(&k);
	return q;
}

static const struct vec_record *pads_named(const struct vec_file *f, const char *name)
{
	for (size_t i = 0; i < f->record_count; i++)
		if (strcmp(f->records[i].kind, "pads") == 0 &&
		    strcmp(vec_text(&f->records[i], "name"), name) == 0)
			return &f->records[i];
	fail_msg("no pads named %s", name);
	return NULL;
}

static void assert_begins(const uint8_t *p, const struct vec_record *r, const char *name)
{
	struct vec_bytes want = vec_hex(r, name);

	assert_int_equal(want.n, 32);
	assert_memory_equal(p, want.p, want.n);
	vec_bytes_free(&want);
}

static void makes_the_pads_of_the_reference(void **state)
{
	struct vec_file *f = vec_open("qpp.txt");
	size_t seen = 0;

	for (size_t i = 0; i < f->record_count; i++) {
		const struct vec_record *r = &f->records[i];
		struct qpp *q;
		unsigned count;
		char sha[65];

		if (strcmp(r->kind, "pads") != 0)
			continue;
		q = from_record(r);
		count = (unsigned)vec_number(r, "count");
		vec_sha256(qpp_pad(q, 0), (size_t)count * 256, sha); /* they lie in a row */
		assert_string_equal(sha, vec_text(r, "pads_sha256"));
		assert_begins(qpp_pad(q, 0), r, "pad0");
		assert_begins(qpp_pad(q, count - 1), r, "padlast");
		qpp_free(q);
		seen++;
	}
	assert_true(seen >= 3);
	vec_close(f);
}

static void draws_the_words_of_the_reference(void **state)
{
	struct vec_file *f = vec_open("qpp.txt");
	size_t seen = 0;

	for (size_t i = 0; i < f->record_count; i++) {
		const struct vec_record *r = &f->records[i];
		const char *text;
		struct vec_bytes k;
		struct qpp_stream st;
		struct qpp *q;

		if (strcmp(r->kind, "prng") != 0)
			continue;
		k = vec_hex(r, "seed");
		q = make(k.p, k.n, 1);
		qpp_stream_init(q, &st);
		text = vec_text(r, "r");
		for (int n = 0; n < 6; n++) {
			uint8_t group[8] = { 0 };
			char *end;

			assert_true(st.word == strtoull(text, &end, 16));
			assert_true(end != text);
			text = end;
			qpp_encrypt(q, &st, (struct span){ group, 8 });
		}
		qpp_free(q);
		vec_bytes_free(&k);
		seen++;
	}
	assert_true(seen >= 3);
	vec_close(f);
}

typedef void run_fn(const struct qpp *q, struct qpp_stream *st, struct span bytes);

/* `sizes` as in the vectors: "all", or the sizes of the calls, the last of which repeats or takes
 * the rest; the result is the same for all cuts. */
static void run_cut(run_fn *run, const struct qpp *q, uint8_t *p, size_t n, const char *sizes)
{
	struct qpp_stream st;
	size_t at = 0;

	qpp_stream_init(q, &st);
	while (at < n) {
		char *end;
		size_t k = strtoul(sizes, &end, 10);

		if (*end != '\0')
			sizes = end;
		if (k == 0 || k > n - at)
			k = n - at;
		run(q, &st, (struct span){ p + at, k });
		at += k;
	}
}

static void check_crypt(const struct qpp *q, const struct vec_record *r, const char *sizes)
{
	struct vec_bytes plain = vec_bytes_or_gen(r, "plain", "plain_gen");
	uint8_t *p = malloc(plain.n);
	char sha[65];

	memcpy(p, plain.p, plain.n);
	run_cut(qpp_encrypt, q, p, plain.n, sizes);
	if (vec_find(r, "cipher") != NULL) {
		struct vec_bytes cipher = vec_hex(r, "cipher");

		assert_int_equal(cipher.n, plain.n);
		assert_memory_equal(p, cipher.p, cipher.n);
		vec_bytes_free(&cipher);
	} else {
		vec_sha256(p, plain.n, sha);
		assert_string_equal(sha, vec_text(r, "cipher_sha256"));
	}
	run_cut(qpp_decrypt, q, p, plain.n, sizes);
	assert_memory_equal(p, plain.p, plain.n);
	free(p);
	vec_bytes_free(&plain);
}

static void substitutes_as_the_reference_does_in_every_cut(void **state)
{
	static const char *const more_cuts[] = { "all", "1", "2", "7", "8", "9", "15", "3 6 7", "64" };
	struct vec_file *f = vec_open("qpp.txt");
	const char *name = "";
	struct qpp *q = NULL;
	size_t seen = 0;

	for (size_t i = 0; i < f->record_count; i++) {
		const struct vec_record *r = &f->records[i];

		if (strcmp(r->kind, "crypt") != 0)
			continue;
		if (strcmp(vec_text(r, "name"), name) != 0) {
			name = vec_text(r, "name");
			qpp_free(q);
			q = from_record(pads_named(f, name));
		}
		check_crypt(q, r, vec_text(r, "chunks"));
		for (size_t k = 0; k < ARRAY_LEN(more_cuts); k++)
			check_crypt(q, r, more_cuts[k]);
		seen++;
	}
	assert_true(seen >= 10);
	qpp_free(q);
	vec_close(f);
}

/* ---- properties ---------------------------------------------------------- */

static void assert_permutation(const uint8_t *pad)
{
	bool seen[256] = { false };

	for (size_t i = 0; i < 256; i++) {
		assert_false(seen[pad[i]]);
		seen[pad[i]] = true;
	}
}

static void what_was_encrypted_is_decrypted_in_other_cuts(void **state)
{
	static const unsigned counts[] = { 1, 2, 3, 61, 63, 64, 65, 128, 129 };
	uint8_t plain[3000], p[3000];

	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		struct qpp *q = make(key, sizeof(key) - 1, counts[i]);
		struct qpp_stream out, in;

		qpp_stream_init(q, &out);
		qpp_stream_init(q, &in);
		for (int round = 0; round < 5; round++) {
			for (size_t k = 0; k < sizeof(plain); k++)
				plain[k] = (uint8_t)rnd(256);
			memcpy(p, plain, sizeof(p));
			for (size_t at = 0, n; at < sizeof(p); at += n) {
				n = rnd(rnd(2) == 0 ? 20 : 500); /* also 0 */
				n = n < sizeof(p) - at ? n : sizeof(p) - at;
				qpp_encrypt(q, &out, (struct span){ p + at, n });
			}
			assert_memory_not_equal(p, plain, sizeof(p));
			for (size_t at = 0, n; at < sizeof(p); at += n) {
				n = rnd(40);
				n = n < sizeof(p) - at ? n : sizeof(p) - at;
				qpp_decrypt(q, &in, (struct span){ p + at, n });
			}
			assert_memory_equal(p, plain, sizeof(p));
		}
		qpp_free(q);
	}
}

static void the_first_pads_do_not_depend_on_how_many_follow(void **state)
{
	struct qpp *many = make(key, sizeof(key) - 1, 130);
	static const unsigned counts[] = { 1, 7, 64, 65, 129 };

	for (unsigned i = 0; i < 130; i++)
		assert_permutation(qpp_pad(many, i));
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		struct qpp *few = make(key, sizeof(key) - 1, counts[i]);

		assert_memory_equal(qpp_pad(few, 0), qpp_pad(many, 0), 256 * counts[i]);
		qpp_free(few);
	}
	qpp_free(many);
}

/* Zero bytes show which pad was used and which key byte: the definition, byte by byte. */
static void every_word_picks_its_pad_modulo_the_count(void **state)
{
	static const unsigned counts[] = { 1, 2, 3, 61, 97, 256, 600 };

	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		struct qpp *q = make(key, sizeof(key) - 1, counts[i]);
		struct qpp_stream st;

		qpp_stream_init(q, &st);
		for (int k = 0; k < 2000; k++) {
			uint64_t word = st.word;
			uint8_t group[8] = { 0 };
			const uint8_t *pad = qpp_pad(q, (unsigned)(word % 65536 % counts[i]));

			qpp_encrypt(q, &st, (struct span){ group, 8 });
			for (unsigned j = 0; j < 8; j++)
				assert_int_equal(group[j], pad[word >> 8 * j & 0xff]);
		}
		qpp_free(q);
	}
}

static void one_byte_at_a_time_keeps_the_place_in_the_word(void **state)
{
	struct qpp *q = make(key, sizeof(key) - 1, 5);
	struct qpp_stream st, start;
	uint8_t byte = 0;

	qpp_stream_init(q, &st);
	start = st;
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(st.used, i);
		assert_true(st.word == start.word);
		qpp_encrypt(q, &st, (struct span){ &byte, 1 });
	}
	assert_int_equal(st.used, 0);
	assert_true(st.word != start.word);
	start = st;
	qpp_encrypt(q, &st, (struct span){ NULL, 0 });
	assert_memory_equal(&st, &start, sizeof(st));
	qpp_free(q);
}

/* 224 bytes of the key go into the pads; all of it goes into the generator. */
static void every_byte_of_the_key_counts(void **state)
{
	static const size_t lens[] = { 1, 2, 31, 32, 33, 63, 64, 65, 223, 224, 225, 300 };
	uint8_t k[300];

	memset(k, 'k', sizeof(k));
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		struct qpp *a = make(k, lens[i], 1), *b;
		struct qpp_stream st_a, st_b;

		assert_permutation(qpp_pad(a, 0));
		k[lens[i] - 1] ^= 1;
		b = make(k, lens[i], 1);
		k[lens[i] - 1] ^= 1;
		if (lens[i] <= 224)
			assert_memory_not_equal(qpp_pad(a, 0), qpp_pad(b, 0), 256);
		else
			assert_memory_equal(qpp_pad(a, 0), qpp_pad(b, 0), 256);
		qpp_stream_init(a, &st_a);
		qpp_stream_init(b, &st_b);
		assert_true(st_a.word != st_b.word);
		qpp_free(a);
		qpp_free(b);
	}
}

static void refuses_counts_out_of_range(void **state)
{
	int err = 0;

	assert_null(qpp_new(key, 5, 0, &err));
	assert_int_equal(err, KT_EINVAL);
	err = 0;
	assert_null(qpp_new(key, 5, QPP_COUNT_MAX + 1, &err));
	assert_int_equal(err, KT_EINVAL);
	assert_null(qpp_new(key, 5, 0, NULL));
	qpp_free(NULL);
}

/* The largest count is made and its last pads are used. */
static void the_largest_count_works(void **state)
{
	struct qpp *q = make(key, sizeof(key) - 1, QPP_COUNT_MAX);
	struct qpp_stream out, in;
	static uint8_t p[80000], zeros[80000];

	for (unsigned i = QPP_COUNT_MAX - 100; i < QPP_COUNT_MAX; i++)
		assert_permutation(qpp_pad(q, i));
	qpp_stream_init(q, &out);
	qpp_stream_init(q, &in);
	qpp_encrypt(q, &out, (struct span){ p, sizeof(p) });
	qpp_decrypt(q, &in, (struct span){ p, sizeof(p) });
	assert_memory_equal(p, zeros, sizeof(p));
	qpp_free(q);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_the_pads_of_the_reference),
		cmocka_unit_test(draws_the_words_of_the_reference),
		cmocka_unit_test(substitutes_as_the_reference_does_in_every_cut),
		cmocka_unit_test(what_was_encrypted_is_decrypted_in_other_cuts),
		cmocka_unit_test(the_first_pads_do_not_depend_on_how_many_follow),
		cmocka_unit_test(every_word_picks_its_pad_modulo_the_count),
		cmocka_unit_test(one_byte_at_a_time_keeps_the_place_in_the_word),
		cmocka_unit_test(every_byte_of_the_key_counts),
		cmocka_unit_test(refuses_counts_out_of_range),
		cmocka_unit_test(the_largest_count_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
