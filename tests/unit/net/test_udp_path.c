/* test_udp_path.c - addresses of peers: how they are shown, told apart and hashed. */
#include "udp_bed.h"

/* ---- addresses ---- */

static void shows_addresses_as_people_write_them(void **state)
{
	char buf[UDP_ADDR_TEXT];
	struct udp_path p = path_to("192.0.2.1", 29900);

	(void)state;
	assert_string_equal(udp_path_text(&p, buf), "192.0.2.1:29900");
	p = path_to("2001:db8::1", 29900);
	assert_string_equal(udp_path_text(&p, buf), "[2001:db8::1]:29900");
	p = path_to("::ffff:192.0.2.1", 1);
	assert_string_equal(udp_path_text(&p, buf), "192.0.2.1:1");
	p = path_to("fe80::1", 65535);
	p.peer.v6.sin6_scope_id = 3;
	assert_string_equal(udp_path_text(&p, buf), "[fe80::1%3]:65535");
	memset(&p, 0, sizeof(p));
	assert_string_equal(udp_path_text(&p, buf), "-");
}

static void shows_the_longest_address_whole(void **state)
{
	char buf[UDP_ADDR_TEXT];
	struct udp_path p = path_to("fe81:1111:2222:3333:4444:5555:6666:7777", 65535);

	(void)state;
	p.peer.v6.sin6_scope_id = UINT32_MAX;
	assert_string_equal(udp_path_text(&p, buf),
			    "[fe81:1111:2222:3333:4444:5555:6666:7777%4294967295]:65535");
}

static void refuses_addresses_it_cannot_send_to(void **state)
{
	struct sockaddr_storage a;
	struct udp_path p;

	(void)state;
	memset(&a, 0, sizeof(a));
	a.ss_family = AF_UNIX;
	assert_false(udp_path_init(&p, (struct sockaddr *)&a, sizeof(a)));
	a.ss_family = AF_INET;
	assert_false(udp_path_init(&p, (struct sockaddr *)&a, sizeof(struct sockaddr_in) - 1));
	a.ss_family = AF_INET6;
	assert_false(udp_path_init(&p, (struct sockaddr *)&a, sizeof(struct sockaddr_in6) - 1));
	assert_false(udp_path_init(&p, (struct sockaddr *)&a, 0));
}

static void tells_peers_apart_by_all_that_names_them(void **state)
{
	struct udp_path a = path_to("2001:db8::1", 1), b;

	(void)state;
	b = a;
	assert_true(udp_path_equal(&a, &b));
	b.peer.v6.sin6_port++;
	assert_false(udp_path_same_peer(&a, &b));
	b = a;
	b.peer.v6.sin6_addr.s6_addr[15]++;
	assert_false(udp_path_same_peer(&a, &b));
	b = a;
	b.peer.v6.sin6_scope_id++;
	assert_false(udp_path_same_peer(&a, &b));
	a = path_to("192.0.2.1", 1);
	b = path_to("::ffff:192.0.2.1", 1);
	assert_false(udp_path_same_peer(&a, &b));
}

static void knows_a_peer_whichever_of_our_addresses_it_asked(void **state)
{
	struct udp_path a = path_to("2001:db8::1", 1), b = a, c = a;

	(void)state;
	b.local.v6.s6_addr[15] = 1;
	c.local_if = 2;
	assert_true(udp_path_same_peer(&a, &b));
	assert_true(udp_path_same_peer(&a, &c));
	assert_false(udp_path_equal(&a, &b));
	assert_false(udp_path_equal(&a, &c));
	assert_int_equal(udp_path_hash(&a, 5), udp_path_hash(&b, 5));
	assert_int_equal(udp_path_hash(&a, 5), udp_path_hash(&c, 5));
}

static void ignores_the_flow_label_of_a_peer(void **state)
{
	socklen_t len;
	union addr a = address("2001:db8::1", 7, &len);
	struct udp_path p, q;

	(void)state;
	assert_true(udp_path_init(&p, &a.sa, len));
	a.v6.sin6_flowinfo = 99;
	assert_true(udp_path_init(&q, &a.sa, len));
	assert_true(udp_path_equal(&p, &q));
	a.v6.sin6_scope_id = 1; /* this one names the peer */
	assert_true(udp_path_init(&q, &a.sa, len));
	assert_false(udp_path_same_peer(&p, &q));
}

/* Chosen ports of one host, in a table as full as it has buckets: with a random function
 * the fullest of 4096 buckets holds about 7. */
static unsigned fullest_bucket(uint64_t seed, unsigned shift)
{
	static uint8_t load[4096];
	struct udp_path p = path_to("198.51.100.7", 0);
	unsigned most = 0;

	memset(load, 0, sizeof(load));
	for (uint16_t port = 0; port < 4096; port++) {
		uint8_t *b;

		p.peer.v4.sin_port = htons((uint16_t)(port << 4));
		b = &load[udp_path_hash(&p, seed) >> shift & 4095];
		*b = (uint8_t)(*b + 1);
		most = *b > most ? *b : most;
	}
	return most;
}

static void hashes_spread_and_depend_on_the_seed(void **state)
{
	struct udp_path a = path_to("192.0.2.1", 1), b = path_to("192.0.2.1", 2);

	(void)state;
	assert_true(udp_path_hash(&a, 1) != udp_path_hash(&a, 2));
	assert_true(udp_path_hash(&a, 1) != udp_path_hash(&b, 1));
	for (uint64_t seed = 0; seed < 4; seed++) {
		assert_in_range(fullest_bucket(seed << 40, 0), 2, 12);
		assert_in_range(fullest_bucket(seed << 40, 52), 2, 12);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(shows_addresses_as_people_write_them),
		T(shows_the_longest_address_whole),
		T(refuses_addresses_it_cannot_send_to),
		T(tells_peers_apart_by_all_that_names_them),
		T(knows_a_peer_whichever_of_our_addresses_it_asked),
		T(ignores_the_flow_label_of_a_peer),
		T(hashes_spread_and_depend_on_the_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
