/* seal_bed.h - seals of a key of the vectors, packets that end where their memory does, and what is drawn from a seed. */
#ifndef SEAL_BED_H
#define SEAL_BED_H

#include <assert.h>
#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "err.h"
#include "seal_impl.h"

static const char key_text[] = "it's a secrect"; /* of keyset 0 in the vectors */
static const uint8_t seed[SEAL_SEED_SIZE] = { 1, 2, 3 };
static uint8_t pass[SEAL_KEY_SIZE], empty_pass[SEAL_KEY_SIZE];
static bool legacy_told;

static inline int derive_keys(void **state)
{
	return seal_derive_key(pass, key_text, sizeof(key_text) - 1) != KT_OK ||
	       seal_derive_key(empty_pass, "", 0) != KT_OK;
}

/* After all tests of a program.  An assertion, because a group's teardown that fails does not make cmocka fail. */
static inline int no_error_of_libcrypto_is_left(void **state)
{
	assert(ERR_peek_error() == 0);
	return 0;
}

/* NULL only where libcrypto has no legacy provider. */
static inline struct seal *make_with(const struct seal_method *m, const uint8_t *key,
				     const uint8_t *from)
{
	int err = 99;
	struct seal *s = seal_new(m, key, from, &err);

	if (s == NULL && m->impl->legacy && err == KT_ENOSUP) {
		if (!legacy_told)
			print_message("not tested: %s: %s\n", m->name, seal_missing(m));
		legacy_told = true;
		return NULL;
	}
	assert_non_null(s);
	assert_int_equal(err, KT_OK);
	return s;
}

static inline struct seal *make(const struct seal_method *m)
{
	return make_with(m, pass, seed);
}

static inline struct seal *make_named(const char *name, const uint8_t *key)
{
	const struct seal_method *m = seal_method_find(name);

	assert_non_null(m);
	return make_with(m, key, seed);
}

static inline size_t overhead(const struct seal_method *m)
{
	return m->head + m->tail;
}

/* A payload in a buffer of exactly the room that the method asks for, so that a
 * sanitizer sees the first byte beyond it. */
static inline struct packet payload_packet(const struct seal_method *m, const uint8_t *data, size_t len)
{
	uint8_t *mem = malloc(len + overhead(m) + 1);

	assert_non_null(mem);
	if (len > 0)
		memcpy(mem + m->head, data, len);
	return (struct packet){ .data = mem + m->head, .len = len, .mem = mem };
}

static inline struct packet datagram_packet(const uint8_t *data, size_t len)
{
	uint8_t *mem = malloc(len > 0 ? len : 1);

	assert_non_null(mem);
	if (len > 0)
		memcpy(mem, data, len);
	return (struct packet){ .data = mem, .len = len, .mem = mem };
}

/* Opens a copy. */
static inline bool opens(struct seal *s, const uint8_t *data, size_t len)
{
	struct packet p = datagram_packet(data, len);
	size_t good = seal_open_batch(s, &p, 1);

	assert_int_equal(good, !p.bad);
	free(p.mem);
	return good == 1;
}

static inline uint32_t draw(uint32_t *x)
{
	*x = *x * 1664525 + 1013904223;
	return *x >> 8;
}

static inline void fill(uint8_t *p, size_t len, uint32_t from)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)draw(&from);
}

/* A datagram of a 100-byte payload. */
static inline size_t make_datagram(struct seal *s, uint8_t out[static 128])
{
	uint8_t text[100];
	struct packet p;
	size_t len;

	fill(text, sizeof(text), 3);
	p = payload_packet(s->method, text, sizeof(text));
	seal_batch(s, &p, 1);
	len = p.len;
	assert_true(len <= 128);
	memcpy(out, p.data, len);
	free(p.mem);
	return len;
}

#endif
