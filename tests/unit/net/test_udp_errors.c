/* test_udp_errors.c - what the kernel refuses: datagrams, and GSO. */
#include "udp_bed.h"

/* ---- errors ---- */

/* The next pending_count messages fail with pending_err. */
static int fail_some(const struct msghdr *m)
{
	(void)m;
	if (pending_count == 0)
		return 0;
	pending_count--;
	return pending_err;
}

static int fail_some_calls(void)
{
	return fail_some(NULL);
}

/* Wait for the ICMP answer to what was sent, without taking it. */
static void send_into_the_void(struct udp *client)
{
	add_packet(0, 10, NULL);
	udp_send(client, &batch);
	assert_int_equal(client->stats.send_errs, 0);
	assert_true(wait_for(client, 0)); /* POLLERR needs no asking */
}

static void an_old_refusal_costs_no_new_datagram(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp server = open_at("127.0.0.1", mask);
		struct udp client = open_to("127.0.0.1", server.port, mask);
		struct udp_options opt = { .features = mask };
		socklen_t len;
		union addr a = address("127.0.0.1", server.port, &len);

		udp_close(&server);
		send_into_the_void(&client);
		assert_int_equal(udp_listen(&server, &a.sa, len, &opt), 0);
		add_mixed(0, 20, NULL);
		udp_send(&client, &batch);
		assert_int_equal(client.stats.send_errs, 1);
		assert_int_equal(client.stats.last_errno, ECONNREFUSED);
		expect_mixed(&server, 0, 20, NULL);
		udp_close(&client);
		udp_close(&server);
	}
}

static void a_refusal_met_while_receiving_is_counted_only(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp server = open_at("127.0.0.1", mask);
		struct udp client = open_to("127.0.0.1", server.port, mask);

		udp_close(&server);
		send_into_the_void(&client);
		expect_nothing(&client);
		assert_int_equal(client.stats.recv_errs, 1);
		assert_int_equal(client.stats.last_errno, ECONNREFUSED);
		udp_close(&client);
	}
}

static void reads_on_behind_errors_but_not_for_ever(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp server = open_at("127.0.0.1", mask);
		struct udp client = open_to("127.0.0.1", server.port, mask);
		bool more;

		add_mixed(0, 5, NULL);
		udp_send(&client, &batch);
		recv_fault = fail_some_calls;
		pending_err = EHOSTUNREACH;
		pending_count = 1000;
		assert_int_equal(udp_recv(&server, rx, got, got_path, 64, &more), 0);
		assert_int_equal(server.stats.recv_errs, 4);
		pending_count = 2;
		expect_mixed(&server, 0, 5, NULL);
		assert_int_equal(server.stats.recv_errs, 6);
		pending_err = EINTR;
		pending_count = 2;
		expect_nothing(&server);
		assert_int_equal(server.stats.recv_errs, 6);
		udp_close(&client);
		udp_close(&server);
	}
}

/* Which datagrams survive when the first message meets `err` so many times. */
static void first_message_meets(int err, int times, uint32_t lost, uint64_t errs)
{
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp server = open_at("127.0.0.1", mask & ~(unsigned)UDP_GSO);
		struct udp client = open_to("127.0.0.1", server.port, mask & ~(unsigned)UDP_GSO);

		send_fault = fail_some;
		pending_err = err;
		pending_count = times;
		add_mixed(0, 20, NULL);
		udp_send(&client, &batch);
		assert_int_equal(client.stats.send_errs, errs);
		if (errs > 0)
			assert_int_equal(client.stats.last_errno, err);
		assert_false(client.blocked);
		expect_mixed(&server, lost, 20 - lost, NULL);
		expect_nothing(&server);
		udp_close(&client);
		udp_close(&server);
	}
}

static void a_datagram_that_meets_an_error_is_tried_once_more(void **state)
{
	(void)state;
	first_message_meets(EHOSTUNREACH, 1, 0, 1);
	first_message_meets(EHOSTUNREACH, 2, 1, 2);
	first_message_meets(ENETUNREACH, 4, 2, 4);
	first_message_meets(EINTR, 3, 0, 0);
}

static int every_other_fails(const struct msghdr *m)
{
	(void)m;
	return pending_count++ % 2 == 0 ? ECONNREFUSED : 0;
}

static void each_datagram_has_its_own_second_try(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp server = open_at("127.0.0.1", mask);
		struct udp client = open_to("127.0.0.1", server.port, mask);

		send_fault = every_other_fails;
		pending_count = 0;
		add_mixed(0, 30, NULL);
		udp_send(&client, &batch);
		/* sendmmsg keeps quiet about an error behind a message that went */
		assert_true(client.stats.send_errs > (client.features & UDP_MMSG ? 0 : 1));
		expect_mixed(&server, 0, 30, NULL);
		udp_close(&client);
		udp_close(&server);
	}
}

static void a_datagram_without_buffer_space_is_lost_and_the_rest_goes(void **state)
{
	(void)state;
	first_message_meets(ENOBUFS, 1, 1, 1);
	first_message_meets(ENOMEM, 2, 2, 2);
}

static void an_unconnected_socket_tries_each_datagram_once(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u), other = open_at("127.0.0.1", 0);
	struct udp_path path = path_to("127.0.0.1", server.port);

	(void)state;
	send_fault = fail_some;
	pending_err = EPERM; /* a firewall's refusal */
	pending_count = 1;
	add_mixed(0, 5, &path);
	udp_send(&other, &batch);
	assert_int_equal(other.stats.send_errs, 1);
	assert_int_equal(other.stats.send_calls, 5);
	expect_mixed(&server, 1, 4, NULL);
	udp_close(&other);
	udp_close(&server);
}

static void a_datagram_too_long_for_udp_is_counted_and_the_rest_goes(void **state)
{
	static uint8_t big[70000];

	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		struct udp server = open_at("127.0.0.1", mask);
		struct udp client = open_to("127.0.0.1", server.port, mask);

		batch.v[batch.count++] = (struct packet){ .data = big, .len = sizeof(big) };
		batch.v[batch.count++] = (struct packet){ .data = big, .len = sizeof(big) };
		add_mixed(0, 20, NULL);
		udp_send(&client, &batch);
		assert_true(client.stats.too_long >= 2);
		assert_int_equal(client.stats.send_errs, 0);
		assert_int_equal(client.stats.out_pkts, 20);
		expect_mixed(&server, 0, 20, NULL);
		assert_int_equal(client.features & UDP_GSO, server.features & UDP_GSO);
		udp_close(&client);
		udp_close(&server);
	}
}

/* ---- GSO refused ---- */

enum { SEGMENT_OPTION = 103 };

static bool is_gso(const struct msghdr *m)
{
	struct msghdr *w = (struct msghdr *)(uintptr_t)m;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(w); c != NULL; c = CMSG_NXTHDR(w, c))
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == SEGMENT_OPTION)
			return true;
	return false;
}

static int refuse_gso(const struct msghdr *m)
{
	return is_gso(m) ? pending_err : 0;
}

static void send_equal(struct udp *client, struct udp *server, uint32_t count)
{
	for (uint32_t n = 0; n < count; n++)
		add_packet(n, 500, NULL);
	udp_send(client, &batch);
	for (uint32_t n = 0; n < count;) {
		bool more;
		size_t k;

		assert_true(wait_for(server, POLLIN));
		k = udp_recv(server, rx, got, got_path, ARRAY_LEN(got), &more);
		for (size_t i = 0; i < k; i++, n++)
			check_packet(&got[i], n, 500);
	}
}

static void gso_that_is_always_refused_is_given_up_and_tried_again_later(void **state)
{
	static const int errors[] = { EINVAL, EIO, EMSGSIZE, EOPNOTSUPP };

	(void)state;
	if (!have_gso())
		skip();
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		struct udp server = open_at("127.0.0.1", ~0u);
		struct udp client = open_to("127.0.0.1", server.port, ~0u);

		send_fault = refuse_gso;
		pending_err = errors[i];
		for (int n = 0; n < 8; n++) {
			assert_true(client.features & UDP_GSO);
			send_equal(&client, &server, 20);
		}
		assert_false(client.features & UDP_GSO);
		assert_int_equal(client.stats.send_errs, 0);
		client.stats.send_calls += 20000;
		send_equal(&client, &server, 20); /* one more refusal */
		assert_false(client.features & UDP_GSO);
		send_fault = NULL;
		client.stats.send_calls += 20000;
		messages_sent = 0;
		send_equal(&client, &server, 20);
		assert_int_equal(messages_sent, 1);
		assert_int_equal(client.gso_fails, 0);
		udp_close(&client);
		udp_close(&server);
	}
}

static void a_refusal_now_and_then_leaves_gso_on(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u);
	struct udp client = open_to("127.0.0.1", server.port, ~0u);

	(void)state;
	if (client.features & UDP_GSO) {
		pending_err = EINVAL;
		for (int n = 0; n < 30; n++) {
			send_fault = n % 4 == 3 ? NULL : refuse_gso;
			send_equal(&client, &server, 20);
			assert_true(client.features & UDP_GSO);
		}
	}
	udp_close(&client);
	udp_close(&server);
}

/* Port 0 makes every send fail with EINVAL, which is also how GSO is refused. */
static void gso_is_not_blamed_for_a_bad_peer(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u), other = open_at("127.0.0.1", ~0u);
	struct udp_path good = path_to("127.0.0.1", server.port), bad = path_to("127.0.0.1", 0);
	unsigned features = server.features;

	(void)state;
	for (int n = 0; n < 20; n++) {
		for (uint32_t i = 0; i < 4; i++)
			add_packet(i, 100, &bad);
		udp_send(&server, &batch);
	}
	assert_int_equal(server.features, features);
	assert_int_equal(server.stats.send_errs, 80);
	assert_int_equal(server.stats.out_pkts, 0);
	add_packet(0, 100, &bad);
	add_packet(1, 100, &bad);
	add_mixed(0, 10, &good);
	udp_send(&other, &batch);
	expect_mixed(&server, 0, 10, NULL);
	udp_close(&other);
	udp_close(&server);
}

/* The firewall stops the group, and then its first datagram. */
static int refuse_group_and_first(const struct msghdr *m)
{
	if (is_gso(m)) {
		pending_count = 1;
		return EIO;
	}
	return pending_count-- > 0 ? EPERM : 0;
}

static void gso_is_not_blamed_when_a_datagram_alone_fails_too(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u), other = open_at("127.0.0.1", ~0u);
	struct udp_path path = path_to("127.0.0.1", server.port);
	unsigned features = other.features;

	(void)state;
	send_fault = refuse_group_and_first;
	for (int n = 0; n < 20; n++) {
		for (uint32_t i = 0; i < 4; i++)
			add_packet(i, 100, &path);
		udp_send(&other, &batch);
	}
	assert_int_equal(other.features, features);
	if (features & UDP_GSO)
		assert_int_equal(other.stats.out_pkts, 60);
	udp_close(&other);
	udp_close(&server);
}

static bool refused_once;

static int refuse_gso_then_fill_up(const struct msghdr *m)
{
	if (is_gso(m)) {
		refused_once = true;
		return EINVAL;
	}
	return refused_once ? pass_some(m) : 0;
}

static void a_socket_that_fills_up_during_the_fallback_loses_nothing(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u);
	struct udp client = open_to("127.0.0.1", server.port, ~0u);

	(void)state;
	if (client.features & UDP_GSO) {
		refused_once = false;
		send_fault = refuse_gso_then_fill_up;
		pending_count = 3;
		for (uint32_t n = 0; n < 20; n++)
			add_packet(n, mixed_size(0), NULL);
		udp_send(&client, &batch);
		assert_true(client.blocked);
		assert_int_equal(client.stats.out_pkts, 3);
		send_fault = NULL;
		assert_true(udp_send_backlog(&client));
		assert_int_equal(client.stats.out_pkts, 20);
	}
	udp_close(&client);
	udp_close(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_old_refusal_costs_no_new_datagram),
		T(a_refusal_met_while_receiving_is_counted_only),
		T(reads_on_behind_errors_but_not_for_ever),
		T(a_datagram_that_meets_an_error_is_tried_once_more),
		T(each_datagram_has_its_own_second_try),
		T(a_datagram_without_buffer_space_is_lost_and_the_rest_goes),
		T(an_unconnected_socket_tries_each_datagram_once),
		T(a_datagram_too_long_for_udp_is_counted_and_the_rest_goes),
		T(gso_that_is_always_refused_is_given_up_and_tried_again_later),
		T(a_refusal_now_and_then_leaves_gso_on),
		T(gso_is_not_blamed_for_a_bad_peer),
		T(gso_is_not_blamed_when_a_datagram_alone_fails_too),
		T(a_socket_that_fills_up_during_the_fallback_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
