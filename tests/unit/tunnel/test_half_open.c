/* test_half_open.c - who gives way when too many have not answered yet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "half_open.h"
#include "link.h"

static struct link *from(const char *address, uint16_t port)
{
	struct link *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	if (strchr(address, ':') != NULL) {
		l->path.peer.v6.sin6_family = AF_INET6;
		l->path.peer.v6.sin6_port = htons(port);
		l->path.peer_len = sizeof(l->path.peer.v6);
		assert_int_equal(inet_pton(AF_INET6, address, &l->path.peer.v6.sin6_addr), 1);
	} else {
		l->path.peer.v4.sin_family = AF_INET;
		l->path.peer.v4.sin_port = htons(port);
		l->path.peer_len = sizeof(l->path.peer.v4);
		assert_int_equal(inet_pton(AF_INET, address, &l->path.peer.v4.sin_addr), 1);
	}
	return l;
}

static struct half_open *fresh(void)
{
	struct half_open *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	half_open_init(h, 77);
	return h;
}

static void drop(struct half_open *h)
{
	struct link *l;

	while ((l = half_open_yields(h)) != NULL) {
		half_open_remove(h, l);
		free(l);
	}
	assert_int_equal(h->count, 0);
	for (int i = 0; i < HALF_OPEN_ORIGINS; i++) {
		assert_int_equal(h->origins[i].count, 0);
		assert_null(h->origins[i].first);
		assert_null(h->origins[i].last);
	}
	free(h);
}

enum { PLACES = 100 };

/* Who gives way to one more. */
static struct link *yield(struct half_open *h)
{
	struct link *l = half_open_yields(h);

	assert_non_null(l);
	half_open_remove(h, l);
	return l;
}

/* PLACES are there at a time, and each new one takes the place of another, which is never `keep`.  Of IPv6 they have the
 * host's part to choose. */
static void flood(struct half_open *h, const char *address, unsigned count, const struct link *keep)
{
	for (unsigned i = 0; i < count; i++) {
		struct link *one = from(address, (uint16_t)(1024 + i)), *gone;

		if (strchr(address, '.') == NULL)
			one->path.peer.v6.sin6_addr.s6_addr[15] = (uint8_t)i;
		if (h->count >= PLACES) {
			gone = yield(h);
			assert_ptr_not_equal(gone, keep);
			free(gone);
		}
		half_open_add(h, one);
	}
}

static void assert_stays(const char *who, const char *stranger)
{
	struct half_open *h = fresh();
	struct link *l = from(who, 5);

	half_open_add(h, l);
	flood(h, stranger, 1000, l);
	half_open_heard(h, l);
	flood(h, stranger, 1000, l);
	drop(h);
}

static void who_comes_alone_stays_whoever_floods_from_elsewhere(void **state)
{
	(void)state;
	assert_stays("192.0.2.1", "192.0.2.2");
	assert_stays("192.0.2.1", "2001:db8::");
	assert_stays("2001:db8:1::1", "2001:db8:2::");
	assert_stays("::ffff:192.0.2.1", "::ffff:192.0.2.2"); /* as a socket for both has them */
}

static void of_an_origin_who_was_silent_for_longest_gives_way(void **state)
{
	struct half_open *h = fresh();
	struct link *a = from("192.0.2.1", 1), *b = from("192.0.2.1", 2), *c = from("192.0.2.1", 3);

	(void)state;
	assert_null(half_open_yields(h));
	half_open_add(h, a);
	half_open_add(h, b);
	half_open_add(h, c);
	assert_ptr_equal(half_open_yields(h), a);
	half_open_heard(h, a);
	assert_ptr_equal(half_open_yields(h), b);
	half_open_remove(h, b);
	half_open_remove(h, b);
	assert_ptr_equal(half_open_yields(h), c);
	free(b);
	drop(h);
}

static void when_a_flood_is_over_the_next_fullest_gives_way(void **state)
{
	struct half_open *h = fresh();
	struct link *three[3];

	(void)state;
	flood(h, "192.0.2.9", 50, NULL);
	for (uint16_t i = 0; i < 3; i++)
		half_open_add(h, three[i] = from("192.0.2.10", i));
	half_open_add(h, from("192.0.2.11", 1));
	while (h->count > 3 + 1 + 3)
		free(yield(h));
	assert_ptr_equal(half_open_yields(h), three[0]);
	drop(h);
}

/* From as many addresses as there are openings it is the oldest, so that each has as long as there are places. */
static void of_equal_origins_the_one_that_was_silent_for_longest_gives_way(void **state)
{
	enum { FEW = 16 };
	struct half_open *h = fresh();
	uint64_t rng = 88172645463325252u;
	struct link *late = NULL, *gone;
	unsigned life = 0, lives = 0, sum = 0;

	(void)state;
	for (unsigned i = 0; i < 4000; i++) {
		struct link *one = from("2001:db8::", (uint16_t)i);

		rng ^= rng << 13;
		rng ^= rng >> 7;
		rng ^= rng << 17;
		memcpy(one->path.peer.v6.sin6_addr.s6_addr, &rng, 8);
		half_open_add(h, one);
		late = late == NULL ? one : late;
		life++;
		if (h->count <= FEW)
			continue;
		gone = yield(h);
		if (gone == late) {
			sum += life;
			lives++;
			life = 0;
			late = NULL;
		}
		free(gone);
	}
	assert_true(lives > 100);
	assert_in_range(sum / lives, FEW - 2, FEW + 1); /* some are taken for one */
	drop(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_comes_alone_stays_whoever_floods_from_elsewhere),
		cmocka_unit_test(of_an_origin_who_was_silent_for_longest_gives_way),
		cmocka_unit_test(when_a_flood_is_over_the_next_fullest_gives_way),
		cmocka_unit_test(of_equal_origins_the_one_that_was_silent_for_longest_gives_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
