/* test_udp_recv.c - what comes in one call, what is skipped, and which of our addresses was asked. */
#include "udp_bed.h"

/* ---- receiving ---- */

static void a_train_of_packets_comes_in_one_call(void **state)
{
	struct udp server = open_at("127.0.0.1", UDP_GRO);
	struct udp client = open_to("127.0.0.1", server.port, UDP_GSO);
	bool more;

	(void)state;
	if (!(server.features & UDP_GRO) || !(client.features & UDP_GSO)) {
		udp_close(&client);
		udp_close(&server);
		skip();
	}
	for (uint32_t n = 0; n < 40; n++)
		add_packet(n, n < 39 ? 1350 : 8, NULL);
	udp_send(&client, &batch);
	assert_int_equal(client.stats.send_calls, 1);
	assert_true(wait_for(&server, POLLIN));
	assert_int_equal(udp_recv(&server, rx, got, got_path, 64, &more), 40);
	assert_true(more); /* 24 places are too few for another train */
	assert_int_equal(server.stats.recv_calls, 1);
	check_packet(&got[39], 39, 8);
	udp_close(&client);
	udp_close(&server);
}

static void packets_above_max_stay_in_the_socket(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		size_t max = mask & UDP_GRO ? UDP_RECV_MIN : 7;
		struct udp server = open_at("127.0.0.1", mask);
		struct udp client = open_to("127.0.0.1", server.port, mask);
		uint32_t n = 0;

		add_mixed(0, 100, NULL);
		udp_send(&client, &batch);
		while (n < 100) {
			bool more;
			size_t k;

			assert_true(wait_for(&server, POLLIN));
			k = udp_recv(&server, rx, got, got_path, max, &more);
			assert_true(k <= max);
			assert_true(more || n + k == 100);
			for (size_t i = 0; i < k; i++, n++)
				check_packet(&got[i], n, mixed_size(n));
		}
		assert_int_equal(server.stats.recv_errs, 0);
		udp_close(&client);
		udp_close(&server);
	}
}

static void a_train_longer_than_max_is_cut_and_counted(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u);
	struct udp client = open_to("127.0.0.1", server.port, ~0u);
	bool more;

	(void)state;
	if (!(server.features & UDP_GRO)) {
		udp_close(&client);
		udp_close(&server);
		skip();
	}
	for (uint32_t n = 0; n < 40; n++)
		add_packet(n, 100, NULL);
	udp_send(&client, &batch);
	assert_true(wait_for(&server, POLLIN));
	got[10].len = 12345;
	assert_int_equal(udp_recv(&server, rx, got, got_path, 10, &more), 10);
	assert_int_equal(got[10].len, 12345);
	assert_int_equal(server.stats.recv_errs, 1);
	assert_int_equal(server.stats.last_errno, ENOBUFS);
	assert_int_equal(udp_recv(&server, rx, got, got_path, 0, &more), 0);
	assert_true(more);
	udp_close(&client);
	udp_close(&server);
}

static void tells_when_the_socket_is_empty(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp server = open_at("127.0.0.1", mask);
		struct udp client = open_to("127.0.0.1", server.port, mask);
		bool more = true;

		add_mixed(0, 1, NULL);
		udp_send(&client, &batch);
		assert_true(wait_for(&server, POLLIN));
		assert_int_equal(udp_recv(&server, rx, got, got_path, UDP_RECV_MAX, &more), 1);
		assert_false(more);
		udp_close(&client);
		udp_close(&server);
	}
}

static void a_flood_of_empty_datagrams_ends(void **state)
{
	struct udp server = open_at("127.0.0.1", 0);
	struct udp client = open_to("127.0.0.1", server.port, 0);
	bool more;

	(void)state;
	for (uint32_t n = 0; n < 20; n++)
		add_packet(n, 0, NULL);
	udp_send(&client, &batch);
	assert_true(wait_for(&server, POLLIN));
	assert_int_equal(udp_recv(&server, rx, got, got_path, 8, &more), 0);
	assert_int_equal(server.stats.recv_calls, 8);
	assert_true(more);
	udp_close(&client);
	udp_close(&server);
}

static void datagrams_longer_than_ours_are_seen_to_be(void **state)
{
	static const size_t sizes[] = { 1501, 2047, 2048, 2049, 9000, 65507 };
	static uint8_t big[65507];

	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp server = open_at("127.0.0.1", mask);
		struct udp client = open_to("127.0.0.1", server.port, mask);
		bool slots = (server.features & (UDP_MMSG | UDP_GRO)) == UDP_MMSG;

		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			size_t want = slots && sizes[i] > 2048 ? 2048 : sizes[i];
			bool more;

			assert_int_equal(send(client.fd, big, sizes[i], 0), sizes[i]);
			assert_true(wait_for(&server, POLLIN));
			assert_int_equal(udp_recv(&server, rx, got, got_path, 64, &more), 1);
			assert_int_equal(got[0].len, want);
			assert_true(got[0].len > PACKET_MTU_MAX);
		}
		udp_close(&client);
		udp_close(&server);
	}
}

static void forge_port_zero(struct msghdr *m)
{
	((struct sockaddr_in *)m->msg_name)->sin_port = 0;
}

static void forge_no_address(struct msghdr *m)
{
	m->msg_namelen = 0;
}

static void skips_datagrams_that_cannot_be_answered(void **state)
{
	void (*forge[])(struct msghdr *) = { forge_port_zero, forge_no_address };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forge); i++) {
		struct udp server = open_at("127.0.0.1", ~0u);
		struct udp client = open_to("127.0.0.1", server.port, ~0u);
		bool more;

		add_mixed(0, 10, NULL);
		udp_send(&client, &batch);
		recv_change = forge[i];
		while (server.stats.in_pkts < 10) {
			assert_true(wait_for(&server, POLLIN));
			assert_int_equal(udp_recv(&server, rx, got, got_path, 64, &more), 0);
		}
		recv_change = NULL;
		udp_close(&client);
		udp_close(&server);
	}
}

static void learns_the_address_that_was_asked(void **state)
{
	struct udp server = open_at("0.0.0.0", ~0u), six = open_at("::", ~0u);
	struct udp client = open_to("127.0.0.2", server.port, ~0u);
	struct udp mapped = open_to("127.0.0.3", six.port, ~0u);
	struct udp_path from;
	char buf[INET6_ADDRSTRLEN];

	(void)state;
	add_mixed(0, 1, NULL);
	udp_send(&client, &batch);
	expect_mixed(&server, 0, 1, &from);
	assert_string_equal(inet_ntop(AF_INET, &from.local, buf, sizeof(buf)), "127.0.0.2");
	assert_int_equal(from.local_if, 0);
	add_mixed(0, 1, NULL);
	udp_send(&mapped, &batch);
	expect_mixed(&six, 0, 1, &from);
	assert_string_equal(inet_ntop(AF_INET6, &from.local, buf, sizeof(buf)), "::ffff:127.0.0.3");
	assert_int_equal(from.local_if, 0);
	udp_close(&client);
	udp_close(&mapped);
	udp_close(&server);
	udp_close(&six);
}

/* What the kernel would say of a datagram to a group or from a link-local peer. */
static struct in6_pktinfo forged_info;
static const char *forged_peer;

static void forge_info(struct msghdr *m)
{
	struct sockaddr_in6 *peer = m->msg_name;

	inet_pton(AF_INET6, forged_peer, &peer->sin6_addr);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			memcpy(CMSG_DATA(c), &forged_info, sizeof(forged_info));
}

static struct udp_path path_of_forged(const char *peer, const char *local)
{
	struct udp six = open_at("::", ~0u);
	struct udp client = open_to("::1", six.port, ~0u);
	struct udp_path from;

	forged_peer = peer;
	inet_pton(AF_INET6, local, &forged_info.ipi6_addr);
	forged_info.ipi6_ifindex = 9;
	recv_change = forge_info;
	add_mixed(0, 1, NULL);
	udp_send(&client, &batch);
	expect_mixed(&six, 0, 1, &from);
	recv_change = NULL;
	udp_close(&client);
	udp_close(&six);
	return from;
}

static void never_answers_from_a_group_address(void **state)
{
	struct in6_addr none = IN6ADDR_ANY_INIT;
	struct udp_path p = path_of_forged("2001:db8::1", "ff02::1");

	(void)state;
	assert_memory_equal(&p.local, &none, sizeof(none));
	p = path_of_forged("::ffff:192.0.2.1", "::ffff:224.0.0.1");
	assert_memory_equal(&p.local, &none, sizeof(none));
	p = path_of_forged("2001:db8::1", "2001:db8::2");
	assert_int_equal(p.local.v6.s6_addr[15], 2);
}

static void remembers_the_interface_of_link_local_peers_only(void **state)
{
	(void)state;
	assert_int_equal(path_of_forged("fe80::1", "fe80::2").local_if, 9);
	assert_int_equal(path_of_forged("fe80::1", "ff02::1").local_if, 9);
	assert_int_equal(path_of_forged("2001:db8::1", "2001:db8::2").local_if, 0);
}

static struct in6_pktinfo sent_info;
static size_t sent_control;

static int keep_info(const struct msghdr *m)
{
	struct msghdr *w = (struct msghdr *)(uintptr_t)m;

	sent_control = m->msg_controllen;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(w); c != NULL; c = CMSG_NXTHDR(w, c))
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			memcpy(&sent_info, CMSG_DATA(c), sizeof(sent_info));
	return ENETUNREACH;
}

static void names_source_and_interface_when_it_answers(void **state)
{
	struct udp six = open_at("::", ~0u);
	struct udp_path p = path_to("fe80::1", 9);

	(void)state;
	send_fault = keep_info;
	p.local.v6 = p.peer.v6.sin6_addr;
	p.local_if = 9;
	add_packet(0, 10, &p);
	udp_send(&six, &batch);
	assert_int_equal(sent_info.ipi6_ifindex, 9);
	assert_memory_equal(&sent_info.ipi6_addr, &p.local.v6, sizeof(p.local.v6));
	p = path_to("2001:db8::1", 9);
	add_packet(0, 10, &p);
	udp_send(&six, &batch);
	assert_int_equal(sent_control, 0);
	udp_close(&six);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_train_of_packets_comes_in_one_call),
		T(packets_above_max_stay_in_the_socket),
		T(a_train_longer_than_max_is_cut_and_counted),
		T(tells_when_the_socket_is_empty),
		T(a_flood_of_empty_datagrams_ends),
		T(datagrams_longer_than_ours_are_seen_to_be),
		T(skips_datagrams_that_cannot_be_answered),
		T(learns_the_address_that_was_asked),
		T(never_answers_from_a_group_address),
		T(remembers_the_interface_of_link_local_peers_only),
		T(names_source_and_interface_when_it_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
