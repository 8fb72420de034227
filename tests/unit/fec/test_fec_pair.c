/* test_fec_pair.c - parity is sent only to a peer that is known to make sense of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fec_pair.h"

enum { PAYLOAD_MAX = 600, PACKET = 124 };

struct end {
	struct fec_pair pair;
	struct packet_pool pool;
	struct batch out;
	uint64_t now_us;
	unsigned made;
};

static void end_init(struct end *e, bool client, unsigned ds, unsigned ps)
{
	memset(e, 0, sizeof(*e));
	assert_true(fec_pair_init(&e->pair, client, ds, ps, PAYLOAD_MAX));
	packet_pool_init(&e->pool);
	batch_init(&e->out, &e->pool);
}

static void end_dispose(struct end *e)
{
	batch_clear(&e->out);
	packet_pool_dispose(&e->pool);
	fec_pair_dispose(&e->pair);
}

/* Append one packet that is no shard, as its FEC makes it. */
static void put(struct end *e)
{
	struct packet *pkt = batch_add(&e->out);

	assert_non_null(pkt);
	memset(pkt->data, 0, PACKET);
	memset(pkt->data + PACKET / 2, (int)++e->made, PACKET / 2);
	pkt->len = PACKET;
	e->now_us += 1000;
	fec_pair_add(&e->pair, e->now_us, &e->out, e->out.count - 1);
}

struct tally {
	unsigned plain, data, parity, rebuilt, marked;
};

static void hear(struct end *to, struct view pkt, struct tally *t)
{
	struct view inner;

	switch (fec_classify(pkt, &inner)) {
	case FEC_PLAIN:
		t->plain++;
		t->marked += pkt.n == PACKET + 4;
		fec_pair_input_rest(&to->pair, (struct view){ inner.p + PACKET, inner.n - PACKET });
		return;
	case FEC_DATA:
		t->data++;
		break;
	case FEC_PARITY:
		t->parity++;
		break;
	default:
		fail();
	}
	fec_pair_input(&to->pair, pkt);
	while (fec_pair_next(&to->pair, &inner))
		t->rebuilt++;
}

/* `count` packets from one end to the other, each that is a multiple of `lose` lost. */
static struct tally say(struct end *from, struct end *to, unsigned count, unsigned lose)
{
	struct tally t = { 0 };

	for (unsigned i = 0; i < count; i++)
		put(from);
	fec_pair_settle(&from->pair);
	for (size_t i = 0; i < from->out.count; i++)
		if (lose == 0 || i % lose != lose - 1)
			hear(to, (struct view){ from->out.v[i].data, from->out.v[i].len }, &t);
	batch_clear(&from->out);
	return t;
}

static void assert_sending(const struct end *e, unsigned ds, unsigned ps)
{
	unsigned got_ds, got_ps;

	fec_pair_sending(&e->pair, &got_ds, &got_ps);
	assert_int_equal(got_ds, ds);
	assert_int_equal(got_ps, ps);
}

static void two_of_ours_agree_on_the_clients_numbers(void **state)
{
	struct end client, server;
	struct tally t;

	end_init(&client, true, 10, 3);
	end_init(&server, false, 20, 7);
	t = say(&client, &server, 30, 0);
	assert_int_equal(t.data, 30);
	assert_int_equal(t.parity, 0);
	assert_sending(&client, 0, 0);
	t = say(&server, &client, 2, 0);
	assert_int_equal(t.marked, 2);
	assert_sending(&client, 10, 3);
	t = say(&client, &server, 40, 0);
	assert_true(t.parity >= 9);
	assert_sending(&server, 10, 3);
	t = say(&server, &client, 40, 9);
	assert_int_equal(t.plain, 0);
	t = say(&server, &client, 40, 9);
	assert_true(t.rebuilt >= 4);
	t = say(&client, &server, 40, 9);
	assert_true(t.rebuilt >= 4);
	end_dispose(&client);
	end_dispose(&server);
}

static void a_client_without_fec_gets_none(void **state)
{
	struct end client, server;
	struct tally t;

	end_init(&client, true, 0, 0);
	end_init(&server, false, 10, 3);
	t = say(&client, &server, 50, 0);
	assert_int_equal(t.plain, 50);
	t = say(&server, &client, 50, 0);
	assert_int_equal(t.plain, 50);
	assert_int_equal(t.marked, 0);
	assert_sending(&server, 0, 0);
	end_dispose(&client);
	end_dispose(&server);
}

/* A kcptun server: FEC with numbers of its own, whatever the client does. */
static void kcptun_server_init(struct end *e, unsigned ds, unsigned ps)
{
	end_init(e, true, ds, ps);
	if (e->pair.enc == NULL)
		return;
	fec_enc_release(e->pair.enc);
	e->pair.state = FEC_PAIR_PARITY;
}

static void a_client_takes_over_the_numbers_of_a_kcptun_server(void **state)
{
	struct end client, server;
	struct tally t;

	end_init(&client, true, 10, 3);
	kcptun_server_init(&server, 5, 2);
	t = say(&client, &server, 25, 0);
	assert_int_equal(t.parity, 0);
	say(&server, &client, 30, 0);
	assert_sending(&client, 5, 2);
	t = say(&client, &server, 20, 0);
	assert_int_equal(t.parity, 8);
	/* and the sets begin where the server expects them to */
	t = say(&client, &server, 20, 6);
	t = say(&client, &server, 20, 6);
	assert_true(t.rebuilt >= 2);
	end_dispose(&client);
	end_dispose(&server);
}

static void a_client_without_fec_stays_without_whatever_it_hears(void **state)
{
	struct end client, server;
	struct tally t;

	end_init(&client, true, 0, 0);
	kcptun_server_init(&server, 6, 4);
	say(&server, &client, 60, 0);
	t = say(&client, &server, 20, 0);
	assert_int_equal(t.plain, 20);
	t = say(&server, &client, 60, 9);
	assert_true(t.rebuilt >= 4);
	end_dispose(&client);
	end_dispose(&server);
}

static void equal_numbers_of_a_kcptun_server_release_the_parity(void **state)
{
	struct end client, server;
	struct tally t;

	end_init(&client, true, 10, 3);
	kcptun_server_init(&server, 10, 3);
	say(&server, &client, 40, 0);
	assert_sending(&client, 10, 3);
	t = say(&client, &server, 20, 0);
	assert_int_equal(t.parity, 6);
	end_dispose(&client);
	end_dispose(&server);
}

static void a_kcptun_server_without_fec_is_sent_no_parity(void **state)
{
	struct end client, server;
	struct tally t;

	end_init(&client, true, 10, 3);
	kcptun_server_init(&server, 0, 0);
	say(&server, &client, 100, 0);
	t = say(&client, &server, 100, 0);
	assert_int_equal(t.data, 100);
	assert_int_equal(t.parity, 0);
	assert_sending(&client, 0, 0);
	end_dispose(&client);
	end_dispose(&server);
}

static void another_rest_is_no_mark(void **state)
{
	static const char *const rests[] = { "", "kct", "kctD", "kctdk" };
	struct end client;

	end_init(&client, true, 10, 3);
	for (size_t i = 0; i < ARRAY_LEN(rests); i++) {
		fec_pair_input_rest(&client.pair,
				    (struct view){ (const uint8_t *)rests[i], strlen(rests[i]) });
		assert_sending(&client, 0, 0);
	}
	end_dispose(&client);
}

static void every_peer_ignores_the_mark(void **state)
{
	struct end server;
	struct tally t = { 0 };
	struct packet *pkt;

	end_init(&server, false, 10, 3);
	server.pair.state = FEC_PAIR_MARKED;
	put(&server);
	pkt = &server.out.v[0];
	assert_int_equal(pkt->len, PACKET + 4);
	hear(&server, (struct view){ pkt->data, pkt->len }, &t);
	assert_int_equal(t.plain, 1); /* a plain packet still, with a rest too short for a segment */
	end_dispose(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_of_ours_agree_on_the_clients_numbers),
		cmocka_unit_test(a_client_without_fec_gets_none),
		cmocka_unit_test(a_client_takes_over_the_numbers_of_a_kcptun_server),
		cmocka_unit_test(a_client_without_fec_stays_without_whatever_it_hears),
		cmocka_unit_test(equal_numbers_of_a_kcptun_server_release_the_parity),
		cmocka_unit_test(a_kcptun_server_without_fec_is_sent_no_parity),
		cmocka_unit_test(another_rest_is_no_mark),
		cmocka_unit_test(every_peer_ignores_the_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
