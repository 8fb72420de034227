/* test_udp_send.c - which packets leave in one message, and which wait when the socket is full. */
#include "udp_bed.h"

/* ---- grouping ---- */

/* The messages that packets of these sizes to one peer become. */
static size_t messages_for(const size_t *sizes, size_t count)
{
	struct udp server = open_at("127.0.0.1", ~0u);
	struct udp client = open_to("127.0.0.1", server.port, ~0u);
	size_t sent;

	for (size_t i = 0; i < count; i++)
		add_packet((uint32_t)i, sizes[i], NULL);
	messages_sent = 0;
	udp_send(&client, &batch);
	sent = messages_sent;
	assert_int_equal(client.stats.out_pkts, count);
	for (uint32_t n = 0; n < count;) {
		bool more;
		size_t k;

		assert_true(wait_for(&server, POLLIN));
		k = udp_recv(&server, rx, got, got_path, ARRAY_LEN(got), &more);
		for (size_t i = 0; i < k; i++, n++)
			check_packet(&got[i], n, sizes[n]);
	}
	udp_close(&client);
	udp_close(&server);
	return sent;
}

static void equal_packets_leave_in_one_message(void **state)
{
	static const struct {
		size_t count, messages, sizes[6];
	} cases[] = {
		{ 1, 1, { 100 } },
		{ 3, 1, { 100, 100, 100 } },
		{ 3, 1, { 100, 100, 99 } },
		{ 4, 2, { 100, 100, 50, 50 } },
		{ 3, 2, { 100, 100, 101 } },
		{ 3, 2, { 50, 100, 50 } },
		{ 6, 3, { 100, 50, 100, 50, 100, 50 } },
	};

	(void)state;
	if (!have_gso())
		skip();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(messages_for(cases[i].sizes, cases[i].count), cases[i].messages);
}

static void messages_keep_within_the_limits_of_gso(void **state)
{
	size_t sizes[200];

	(void)state;
	if (!have_gso())
		skip();
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		sizes[i] = 20;
	assert_int_equal(messages_for(sizes, 64), 1);
	assert_int_equal(messages_for(sizes, 65), 2);
	assert_int_equal(messages_for(sizes, 128), 2);
	assert_int_equal(messages_for(sizes, 129), 3);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		sizes[i] = 1500; /* 43 fit in 65507 bytes */
	assert_int_equal(messages_for(sizes, 43), 1);
	assert_int_equal(messages_for(sizes, 44), 2);
	assert_int_equal(messages_for(sizes, 87), 3);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		sizes[i] = 1489; /* 44 of them make 65516 */
	assert_int_equal(messages_for(sizes, 44), 2);
}

static void packets_to_equal_paths_share_a_message_to_others_not(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u);
	struct udp_path a = path_to("127.0.0.1", server.port), same = a, other = a;

	(void)state;
	if (!(server.features & UDP_GSO)) {
		udp_close(&server);
		skip();
	}
	other.local.v4.s_addr = htonl(INADDR_LOOPBACK);
	add_packet(0, 100, &a);
	add_packet(1, 100, &same);
	add_packet(2, 100, &other);
	udp_send(&server, &batch);
	assert_int_equal(messages_sent, 2);
	udp_close(&server);
}

static void a_connected_socket_ignores_paths(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u);
	struct udp client = open_to("127.0.0.1", server.port, ~0u);
	struct udp_path a = path_to("192.0.2.1", 1), b = path_to("192.0.2.2", 2);

	(void)state;
	for (uint32_t n = 0; n < 10; n++)
		add_packet(n, mixed_size(n), n % 2 == 0 ? &a : &b);
	udp_send(&client, &batch);
	expect_mixed(&server, 0, 10, NULL);
	if (client.features & UDP_GSO)
		assert_int_equal(messages_sent, 5); /* 4, 2, 1, 2, 1 */
	udp_close(&client);
	udp_close(&server);
}

static void empty_packets_are_sent_alone_and_skipped_by_the_receiver(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		static const size_t sizes[] = { 0, 40, 40, 0, 0, 20, 40 };
		struct udp server = open_at("127.0.0.1", mask);
		struct udp client = open_to("127.0.0.1", server.port, mask);
		uint32_t seen = 0;

		for (uint32_t i = 0; i < ARRAY_LEN(sizes); i++)
			add_packet(i, sizes[i], NULL);
		udp_send(&client, &batch);
		while (server.stats.in_pkts < ARRAY_LEN(sizes)) {
			bool more;
			size_t k;

			assert_true(wait_for(&server, POLLIN));
			k = udp_recv(&server, rx, got, got_path, ARRAY_LEN(got), &more);
			for (size_t i = 0; i < k; i++)
				seen |= 1u << load_le32(got[i].data);
		}
		assert_int_equal(seen, 0x66);
		assert_int_equal(server.stats.in_bytes, 140);
		udp_close(&client);
		udp_close(&server);
	}
}

/* ---- a full socket ---- */

static void a_full_socket_keeps_the_rest_in_order(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < ALL_MASKS; mask++) {
		for (int pass = 0; pass < 12; pass++) {
			struct udp server = open_at("127.0.0.1", mask);
			struct udp client = open_to("127.0.0.1", server.port, mask);

			send_fault = pass_some;
			pending_count = pass;
			add_mixed(0, 50, NULL);
			udp_send(&client, &batch);
			assert_true(client.blocked);
			assert_int_equal(batch.count, 0);
			assert_int_equal(pool.used_count, 50 - client.stats.out_pkts);
			for (int i = 0; i < 3; i++) { /* trickle */
				pending_count = 1;
				assert_false(udp_send_backlog(&client));
				assert_int_equal(pool.used_count, 50 - client.stats.out_pkts);
			}
			send_fault = NULL;
			assert_true(udp_send_backlog(&client));
			assert_false(client.blocked);
			assert_null(client.backlog);
			assert_int_equal(pool.used_count, 0);
			expect_mixed(&server, 0, 50, NULL);
			expect_nothing(&server);
			assert_int_equal(client.stats.send_errs, 0);
			udp_close(&client);
			udp_close(&server);
		}
	}
}

static void kept_packets_move_without_a_copy_and_outlive_their_path(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u), other = open_at("127.0.0.1", ~0u);
	struct udp_path path = path_to("127.0.0.1", server.port);
	uint8_t *data;

	(void)state;
	send_fault = pass_some;
	add_mixed(0, 9, &path);
	data = batch.v[8].data;
	udp_send(&other, &batch);
	memset(&path, 0x55, sizeof(path));
	assert_non_null(other.backlog);
	assert_int_equal(other.backlog->count, 9);
	assert_ptr_equal(other.backlog->v[8].data, data);
	send_fault = NULL;
	assert_true(udp_send_backlog(&other));
	expect_mixed(&server, 0, 9, NULL);
	udp_close(&other);
	udp_close(&server);
}

static void packets_sent_to_a_blocked_socket_wait_behind_the_others(void **state)
{
	struct udp server = open_at("127.0.0.1", ~0u);
	struct udp client = open_to("127.0.0.1", server.port, ~0u);

	(void)state;
	send_fault = pass_some;
	add_mixed(0, 10, NULL);
	udp_send(&client, &batch);
	send_fault = NULL; /* there is room again, but not for those to overtake */
	add_mixed(10, 10, NULL);
	udp_send(&client, &batch);
	assert_int_equal(client.stats.out_pkts, 0);
	assert_true(udp_send_backlog(&client));
	expect_mixed(&server, 0, 20, NULL);
	udp_close(&client);
	udp_close(&server);
}

static void packets_beyond_the_backlog_are_dropped_and_counted(void **state)
{
	struct udp client = open_to("127.0.0.1", 9, ~0u);

	(void)state;
	send_fault = pass_some;
	for (int i = 0; i < 2; i++) {
		add_mixed(0, 300, NULL);
		udp_send(&client, &batch);
	}
	assert_int_equal(pool.used_count, BATCH_MAX);
	assert_int_equal(client.stats.send_errs, 600 - BATCH_MAX);
	udp_close(&client);
	assert_int_equal(pool.used_count, 0);
}

static void a_packet_without_a_buffer_of_its_own_is_not_kept(void **state)
{
	struct udp client = open_to("127.0.0.1", 9, ~0u);
	uint8_t bytes[10] = { 0 };

	(void)state;
	batch.v[batch.count++] = (struct packet){ .data = bytes, .len = sizeof(bytes) };
	send_fault = pass_some;
	udp_send(&client, &batch);
	assert_int_equal(client.stats.send_errs, 1);
	send_fault = NULL;
	assert_true(udp_send_backlog(&client));
	assert_false(client.blocked);
	udp_close(&client);
}

static void closing_drops_what_waited(void **state)
{
	struct udp client = open_to("127.0.0.1", 9, ~0u);

	(void)state;
	send_fault = pass_some;
	add_mixed(0, 20, NULL);
	udp_send(&client, &batch);
	assert_int_equal(pool.used_count, 20);
	udp_close(&client);
	assert_int_equal(pool.used_count, 0);
	assert_null(client.backlog);
	assert_false(client.blocked);
}

static void sending_nothing_does_nothing(void **state)
{
	struct udp client = open_to("127.0.0.1", 9, ~0u);

	(void)state;
	udp_send(&client, &batch);
	assert_true(udp_send_backlog(&client));
	assert_int_equal(client.stats.send_calls, 0);
	udp_close(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(equal_packets_leave_in_one_message),
		T(messages_keep_within_the_limits_of_gso),
		T(packets_to_equal_paths_share_a_message_to_others_not),
		T(a_connected_socket_ignores_paths),
		T(empty_packets_are_sent_alone_and_skipped_by_the_receiver),
		T(a_full_socket_keeps_the_rest_in_order),
		T(kept_packets_move_without_a_copy_and_outlive_their_path),
		T(packets_sent_to_a_blocked_socket_wait_behind_the_others),
		T(packets_beyond_the_backlog_are_dropped_and_counted),
		T(a_packet_without_a_buffer_of_its_own_is_not_kept),
		T(closing_drops_what_waited),
		T(sending_nothing_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
