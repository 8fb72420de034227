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

/* A hundred are there at a time, and each new one takes the place of another.  Of IPv6 they have the host's part to choose. */
static void flood(struct half_open *h, const char *address, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct link *one = from(address, (uint16_t)(1024 + i));

		if (one->path.peer.sa.sa_family == AF_INET6)
			one->path.peer.v6.sin6_addr.s6_addr[15] = (uint8_t)i;
		if (h->count >= 100) {
			struct link *l = half_open_yields(h);

			half_open_remove(h, l);
			free(l);
		}
		half_open_add(h, one);
	}
}

static void assert_stays(const char *who, const char *stranger)
{
	struct half_open *h = fresh();
	struct link *l = from(who, 5);

	half_open_add(h, l);
	flood(h, stranger, 1000);
	assert_true(l->half_open);
	half_open_heard(h, l);
	drop(h);
}

static void who_comes_alone_stays_whoever_floods_from_elsewhere(void **state)
{
	(void)state;
	assert_stays("192.0.2.1", "192.0.2.2");
	assert_stays("192.0.2.1", "2001:db8::");
	assert_stays("2001:db8:1::1", "2001:db8:2::");
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

/* A hundred addresses that come once each are no reason to keep the rest. */
static void when_a_flood_is_over_the_next_fullest_gives_way(void **state)
{
	struct half_open *h = fresh();
	struct link *three[3], *l;

	(void)state;
	flood(h, "192.0.2.9", 50);
	for (uint16_t i = 0; i < 3; i++)
		half_open_add(h, three[i] = from("192.0.2.10", i));
	half_open_add(h, from("192.0.2.11", 1));
	for (int i = 0; i < 50; i++) {
		l = half_open_yields(h);
		if (l->half_origin == three[0]->half_origin)
			break;
		half_open_remove(h, l);
		free(l);
	}
	assert_int_equal(h->count, 5); /* but for one of the flood */
	assert_ptr_equal(half_open_yields(h), three[0]);
	drop(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_comes_alone_stays_whoever_floods_from_elsewhere),
		cmocka_unit_test(of_an_origin_who_was_silent_for_longest_gives_way),
		cmocka_unit_test(when_a_flood_is_over_the_next_fullest_gives_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
