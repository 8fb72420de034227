/* test_proxy_header.c - the bytes of HAProxy's PROXY protocol, version 2, written by hand from its specification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "proxy_header.h"

/* Section 2.2: "\x0D\x0A\x0D\x0A\x00\x0D\x0A\x51\x55\x49\x54\x0A", then version 2 and the command PROXY. */
#define BEGINNING "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a\x21"

static struct sockaddr_storage address(const char *host, uint16_t port)
{
	struct sockaddr_storage ss = { 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ss;

	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return ss;
	}
	ss = (struct sockaddr_storage){ 0 };
	assert_int_equal(inet_pton(AF_INET6, host, &v6->sin6_addr), 1);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	return ss;
}

/* From a peer to an address of ours; NULL: that is not known. */
static struct udp_path path(const char *peer, uint16_t port, const char *local)
{
	struct sockaddr_storage ss = address(peer, port);
	struct udp_path p;

	assert_true(udp_path_init(&p, (struct sockaddr *)&ss, sizeof(ss)));
	if (local != NULL)
		assert_int_equal(inet_pton(ss.ss_family, local, &p.local), 1);
	return p;
}

static void expect(const struct udp_path *p, const struct sockaddr_storage *bound, const char *want,
		   size_t n)
{
	uint8_t got[PROXY_HEADER_MAX + 8];

	memset(got, 0xee, sizeof(got));
	assert_int_equal(proxy_header_encode(got, p, bound), n);
	assert_memory_equal(got, want, n);
	for (size_t i = n; i < sizeof(got); i++)
		assert_int_equal(got[i], 0xee);
}

#define EXPECT(p, bound, want) expect(&(p), &(bound), BEGINNING want, sizeof(BEGINNING want) - 1)

static void tcp_over_ipv4(void **state)
{
	struct sockaddr_storage bound = address("0.0.0.0", 29900);
	struct udp_path p = path("192.0.2.1", 4660, "198.51.100.7");

	EXPECT(p, bound,
	       "\x11\x00\x0c"
	       "\xc0\x00\x02\x01"
	       "\xc6\x33\x64\x07"
	       "\x12\x34\x74\xcc");
}

static void tcp_over_ipv6(void **state)
{
	struct sockaddr_storage bound = address("::", 29900);
	struct udp_path p = path("2001:db8::1:2", 65535, "2001:db8:ffff::9");

	EXPECT(p, bound,
	       "\x21\x00\x24"
	       "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x02"
	       "\x20\x01\x0d\xb8\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09"
	       "\xff\xff\x74\xcc");
}

static void ipv4_within_ipv6_is_ipv4(void **state)
{
	struct sockaddr_storage bound = address("::", 1);
	struct udp_path p = path("::ffff:192.0.2.1", 2, "::ffff:198.51.100.7");

	EXPECT(p, bound,
	       "\x11\x00\x0c"
	       "\xc0\x00\x02\x01"
	       "\xc6\x33\x64\x07"
	       "\x00\x02\x00\x01");
}

static void where_the_path_does_not_know_it_our_address_is_what_we_are_bound_to(void **state)
{
	struct sockaddr_storage v4 = address("198.51.100.7", 1), v6 = address("2001:db8::7", 1);
	struct udp_path p4 = path("192.0.2.1", 2, NULL), p6 = path("2001:db8::1", 2, NULL);

	EXPECT(p4, v4, "\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x07\x00\x02\x00\x01");
	EXPECT(p6, v6,
	       "\x21\x00\x24"
	       "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
	       "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07"
	       "\x00\x02\x00\x01");
}

static void where_nobody_knows_it_our_address_is_zero_of_the_peers_family(void **state)
{
	struct sockaddr_storage all4 = address("0.0.0.0", 1), all6 = address("::", 1);
	struct udp_path p4 = path("192.0.2.1", 2, NULL), p6 = path("2001:db8::1", 2, NULL);
	struct udp_path mapped = path("::ffff:192.0.2.1", 2, NULL);

	EXPECT(p4, all4, "\x11\x00\x0c\xc0\x00\x02\x01\x00\x00\x00\x00\x00\x02\x00\x01");
	EXPECT(mapped, all6, "\x11\x00\x0c\xc0\x00\x02\x01\x00\x00\x00\x00\x00\x02\x00\x01");
	EXPECT(p6, all6,
	       "\x21\x00\x24"
	       "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
	       "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	       "\x00\x02\x00\x01");
}

static void an_address_of_the_other_family_is_not_told(void **state)
{
	struct sockaddr_storage v6 = address("2001:db8::7", 1), none = { 0 };
	struct udp_path mapped = path("::ffff:192.0.2.1", 2, NULL), p4 = path("192.0.2.1", 2, NULL);

	EXPECT(mapped, v6, "\x11\x00\x0c\xc0\x00\x02\x01\x00\x00\x00\x00\x00\x02\x00\x01");
	EXPECT(p4, none, "\x11\x00\x0c\xc0\x00\x02\x01\x00\x00\x00\x00\x00\x02\x00\x00");
}

static void without_a_peer_there_are_no_addresses(void **state)
{
	struct sockaddr_storage bound = address("198.51.100.7", 1);
	struct udp_path p;

	memset(&p, 0, sizeof(p));
	EXPECT(p, bound, "\x00\x00\x00");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_over_ipv4),
		cmocka_unit_test(tcp_over_ipv6),
		cmocka_unit_test(ipv4_within_ipv6_is_ipv4),
		cmocka_unit_test(where_the_path_does_not_know_it_our_address_is_what_we_are_bound_to),
		cmocka_unit_test(where_nobody_knows_it_our_address_is_zero_of_the_peers_family),
		cmocka_unit_test(an_address_of_the_other_family_is_not_told),
		cmocka_unit_test(without_a_peer_there_are_no_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
