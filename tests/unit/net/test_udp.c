/* test_udp.c - UDP sockets on loopback: how they open, and batches there and back. */
#include <fcntl.h>
#include <stdio.h>

#include "udp_bed.h"

/* ---- opening ---- */

static void opens_sockets_that_never_block_nor_leak_into_children(void **state)
{
	struct udp u = open_at("127.0.0.1", ~0u);

	(void)state;
	assert_true(fcntl(u.fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(u.fd, F_GETFD) & FD_CLOEXEC);
	assert_false(u.connected);
	assert_int_equal(u.family, AF_INET);
	udp_close(&u);
	assert_int_equal(u.fd, -1);
	udp_close(&u);
}

static void a_port_that_is_taken_fails_loudly(void **state)
{
	struct udp_options opt = { .features = ~0u };
	struct udp first = open_at("127.0.0.1", ~0u), second;
	socklen_t len;
	union addr a = address("127.0.0.1", first.port, &len);

	(void)state;
	assert_int_equal(udp_listen(&second, &a.sa, len, &opt), -EADDRINUSE);
	assert_int_equal(second.fd, -1);
	udp_close(&first);
}

static void a_failed_open_leaves_no_descriptor(void **state)
{
	struct udp_options opt = { .features = ~0u };
	struct sockaddr odd = { .sa_family = AF_UNIX };
	socklen_t len;
	union addr a = address("255.255.255.255", 9, &len);
	int next = dup(0), refused;
	struct udp u;

	(void)state;
	close(next);
	refused = udp_connect(&u, &a.sa, len, &opt);
	assert_true(refused == -EACCES ||
		    refused == -ENETUNREACH); /* the latter where there is no network */
	assert_int_equal(udp_connect(&u, &odd, sizeof(odd), &opt), -EAFNOSUPPORT);
	a = address("192.0.2.77", 9, &len);
	assert_int_equal(udp_listen(&u, &a.sa, len, &opt), -EADDRNOTAVAIL);
	assert_int_equal(dup(0), next);
	close(next);
}

static int option(const struct udp *u, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(u->fd, level, name, &value, &len), 0);
	return value;
}

static void sets_buffer_sizes_and_tells_what_the_kernel_gave(void **state)
{
	struct udp_options opt = { .features = ~0u, .sockbuf = 100000 };
	socklen_t len;
	union addr a = address("127.0.0.1", 0, &len);
	struct udp u;

	(void)state;
	assert_int_equal(udp_listen(&u, &a.sa, len, &opt), 0);
	assert_int_equal(u.rcvbuf, 100000);
	assert_int_equal(u.sndbuf, 100000);
	udp_close(&u);
	opt.sockbuf = UINT32_MAX; /* clipped somewhere, never wrapped */
	assert_int_equal(udp_listen(&u, &a.sa, len, &opt), 0);
	assert_true(u.rcvbuf > 100000 && u.rcvbuf <= INT32_MAX / 2);
	udp_close(&u);
	opt.sockbuf = 0;
	assert_int_equal(udp_listen(&u, &a.sa, len, &opt), 0);
	assert_true(u.rcvbuf > 0 && u.sndbuf > 0);
	udp_close(&u);
}

static void marks_both_families_with_the_dscp(void **state)
{
	struct udp_options opt = { .features = ~0u, .dscp = 46 };
	socklen_t len;
	union addr a = address("127.0.0.1", 0, &len);
	struct udp u;

	(void)state;
	assert_int_equal(udp_listen(&u, &a.sa, len, &opt), 0);
	assert_int_equal(option(&u, IPPROTO_IP, IP_TOS), 46 << 2);
	udp_close(&u);
	a = address("::", 0, &len);
	assert_int_equal(udp_listen(&u, &a.sa, len, &opt), 0);
	assert_int_equal(option(&u, IPPROTO_IPV6, IPV6_TCLASS), 46 << 2);
	assert_int_equal(option(&u, IPPROTO_IP, IP_TOS), 46 << 2);
	udp_close(&u);
}

#ifdef IP_PMTUDISC_PROBE
static void lets_nobody_fragment(void **state)
{
	struct udp u = open_at("127.0.0.1", ~0u);

	(void)state;
	assert_int_equal(option(&u, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_PROBE);
	udp_close(&u);
	u = open_at("::1", ~0u);
	assert_int_equal(option(&u, IPPROTO_IPV6, IPV6_MTU_DISCOVER), IPV6_PMTUDISC_PROBE);
	udp_close(&u);
}

static void what_may_be_cut_goes_between_others(void **state)
{
	static uint8_t bytes[1000];

	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp server = open_at("127.0.0.1", mask);
		struct udp client = open_to("127.0.0.1", server.port, mask);

		for (unsigned i = 0; i < 6; i++)
			batch.v[batch.count++] = (struct packet){ .data = bytes,
								  .len = sizeof(bytes),
								  .may_fragment = i % 3 == 1 };
		udp_send(&client, &batch);
		assert_int_equal(client.stats.out_pkts, 6);
		assert_int_equal(option(&client, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_PROBE);
		assert_int_equal(client.stats.send_errs + client.stats.too_long, 0);
		udp_close(&client);
		udp_close(&server);
	}
}
#endif

static void uses_no_feature_that_was_not_asked_for(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp u = open_at("127.0.0.1", mask);

		assert_int_equal(u.features & ~mask, 0);
		udp_close(&u);
	}
}

/* ---- there and back ---- */

struct route {
	const char *server, *dial, *shown;
};

static const struct route routes[] = {
	{ "127.0.0.1", "127.0.0.1", "127.0.0.1:" },
	{ "::1", "::1", "[::1]:" },
	{ "::", "127.0.0.1", "127.0.0.1:" }, /* dual stack, mapped */
	{ "::", "::1", "[::1]:" },
	{ "0.0.0.0", "127.0.0.2", "127." }, /* must answer from 127.0.0.2 */
	{ "::", "127.0.0.2", "127." },
};

static void check_path(const struct udp_path *p, const struct route *r, uint16_t port)
{
	char buf[UDP_ADDR_TEXT], tail[8];

	udp_path_text(p, buf);
	snprintf(tail, sizeof(tail), ":%u", port);
	assert_int_equal(strncmp(buf, r->shown, strlen(r->shown)), 0);
	assert_string_equal(strrchr(buf, ':'), tail);
}

/* A connected client hears nobody but the address it asked, so hearing the
 * answer proves where that came from. */
static void there_and_back(const struct route *r, unsigned server_mask, unsigned client_mask)
{
	struct udp server = open_at(r->server, server_mask);
	struct udp client = open_to(r->dial, server.port, client_mask);
	struct udp_path from;

	add_mixed(0, 100, NULL);
	udp_send(&client, &batch);
	assert_int_equal(batch.count, 0);
	expect_mixed(&server, 0, 100, &from);
	check_path(&from, r, client.port);
	add_mixed(100, 77, &from);
	udp_send(&server, &batch);
	expect_mixed(&client, 100, 77, NULL);
	assert_int_equal(client.stats.out_pkts, 100);
	assert_int_equal(server.stats.in_pkts, 100);
	assert_int_equal(server.stats.in_bytes, client.stats.out_bytes);
	assert_int_equal(client.stats.in_pkts, 77);
	assert_int_equal(client.stats.in_bytes, server.stats.out_bytes);
	assert_int_equal(client.stats.send_errs + client.stats.recv_errs, 0);
	assert_int_equal(server.stats.send_errs + server.stats.recv_errs, 0);
	assert_int_equal(pool.used_count, 0);
	expect_nothing(&client);
	expect_nothing(&server);
	udp_close(&client);
	udp_close(&server);
}

static void carries_batches_on_every_route_with_every_mix_of_features(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(routes); i++)
		for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
			there_and_back(&routes[i], mask, mask);
			there_and_back(&routes[i], mask, ALL_MASKS - 1 - mask);
		}
}

static void carries_batches_where_the_kernel_lacks_everything(void **state)
{
	(void)state;
	no_offload = no_mmsg = true;
	for (size_t i = 0; i < ARRAY_LEN(routes); i++)
		there_and_back(&routes[i], ~0u, ~0u);
}

static void notices_missing_system_calls_once(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u);
	struct udp client = open_to("127.0.0.1", server.port, ~0u);

	(void)state;
	no_mmsg = true;
	add_mixed(0, 10, NULL);
	udp_send(&client, &batch);
	expect_mixed(&server, 0, 10, NULL);
	assert_int_equal(client.features & UDP_MMSG, 0);
	assert_int_equal(server.features & UDP_MMSG, 0);
	assert_int_equal(client.stats.send_errs + server.stats.recv_errs, 0);
	udp_close(&client);
	udp_close(&server);
}

static void serves_many_clients_and_answers_each_in_order(void **state)
{
	enum { CLIENTS = 5, EACH = 12 };

	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp server = open_at("0.0.0.0", mask), client[CLIENTS];
		struct udp_path path[CLIENTS];

		for (int c = 0; c < CLIENTS; c++) {
			client[c] = open_to("127.0.0.1", server.port, mask);
			add_mixed(0, 3, NULL);
			udp_send(&client[c], &batch);
			expect_mixed(&server, 0, 3, &path[c]);
		}
		for (uint32_t n = 0; n < EACH; n++) /* interleaved: every path its own order */
			for (int c = 0; c < CLIENTS; c++)
				add_packet(n, mixed_size(n), &path[c]);
		udp_send(&server, &batch);
		for (int c = 0; c < CLIENTS; c++) {
			expect_mixed(&client[c], 0, EACH, NULL);
			expect_nothing(&client[c]);
			udp_close(&client[c]);
		}
		udp_close(&server);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(opens_sockets_that_never_block_nor_leak_into_children),
		T(a_port_that_is_taken_fails_loudly),
		T(a_failed_open_leaves_no_descriptor),
		T(sets_buffer_sizes_and_tells_what_the_kernel_gave),
		T(marks_both_families_with_the_dscp),
#ifdef IP_PMTUDISC_PROBE
		T(lets_nobody_fragment),
		T(what_may_be_cut_goes_between_others),
#endif
		T(uses_no_feature_that_was_not_asked_for),
		T(carries_batches_on_every_route_with_every_mix_of_features),
		T(carries_batches_where_the_kernel_lacks_everything),
		T(notices_missing_system_calls_once),
		T(serves_many_clients_and_answers_each_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
