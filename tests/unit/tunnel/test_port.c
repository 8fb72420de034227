/* test_port.c - turns of those who send through one socket, and what a full socket does to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "port.h"
#include "tunnel.h"
#include "wire.h"

/* One that is touched by its own pump before it finds the socket full, as a link is whose
 * relay takes bytes from it. */
struct sender {
	struct port_turn turn;
	struct port *port;
	unsigned pumped;
};

static struct reactor *reactor;
static struct tunnel tunnel;

static void pump(struct port_turn *turn)
{
	struct sender *s = container_of(turn, struct sender, turn);

	if (s->pumped++ == 0)
		port_touch(s->port, turn);
	if (s->port->udp.blocked)
		port_stall(s->port, turn);
}

static struct port *open_port(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct udp_options opt = { .features = 0 };
	struct port *p;
	struct udp udp;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	tunnel = (struct tunnel){ .reactor = reactor };
	flow_init(&tunnel.flow, reactor->now_us);
	assert_int_equal(udp_connect(&udp, (struct sockaddr *)&to, sizeof(to), &opt), 0);
	p = port_new(&tunnel, &udp);
	assert_non_null(p);
	return p;
}

static void init_senders(struct port *p, struct sender *senders, size_t count)
{
	for (size_t i = 0; i < count; i++)
		senders[i] = (struct sender){ .turn.pump = pump, .port = p };
}

/* One iteration without the network: what was touched has its turn. */
static void run_tasks(void)
{
	ev_invoke(reactor->loop, &reactor->prepare, EV_PREPARE);
}

static void let_socket_empty(struct port *p)
{
	p->udp.blocked = false;
	ev_invoke(reactor->loop, &p->out, EV_WRITE);
}

static void test_touched_twice_is_pumped_once(void **state)
{
	struct port *p = open_port();
	struct sender s;

	init_senders(p, &s, 1);
	s.pumped = 1; /* touches itself no more */
	port_touch(p, &s.turn);
	port_touch(p, &s.turn);
	run_tasks();
	assert_int_equal(s.pumped, 2);
	run_tasks();
	assert_int_equal(s.pumped, 2);
	port_free(p);
}

static void test_stalled_are_pumped_when_the_socket_is_writable(void **state)
{
	struct port *p = open_port();
	struct sender s[4];
	unsigned before[4];

	init_senders(p, s, 4);
	p->udp.blocked = true;
	for (int i = 0; i < 4; i++)
		port_touch(p, &s[i].turn);
	run_tasks();
	for (int i = 0; i < 4; i++) {
		assert_true(s[i].turn.stalled);
		assert_false(s[i].turn.touched);
		before[i] = s[i].pumped;
		port_touch(p, &s[i].turn); /* has to wait */
	}
	run_tasks();
	for (int i = 0; i < 4; i++)
		assert_int_equal(s[i].pumped, before[i]);
	let_socket_empty(p);
	run_tasks();
	for (int i = 0; i < 4; i++) {
		assert_int_equal(s[i].pumped, before[i] + 1);
		assert_false(s[i].turn.stalled);
	}
	port_free(p);
}

static void test_forgotten_is_nowhere_left(void **state)
{
	struct port *p = open_port();
	struct sender s[2];

	init_senders(p, s, 2);
	p->udp.blocked = true;
	port_touch(p, &s[0].turn);
	port_touch(p, &s[1].turn);
	run_tasks();
	port_forget(p, &s[0].turn);
	port_forget(p, &s[1].turn);
	assert_null(p->stalled);
	assert_null(p->touched);
	port_free(p); /* which asserts it as well */
}

static int setup(void **state)
{
	reactor = reactor_new();
	return reactor == NULL;
}

static int teardown(void **state)
{
	reactor_free(reactor);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_touched_twice_is_pumped_once),
		cmocka_unit_test(test_stalled_are_pumped_when_the_socket_is_writable),
		cmocka_unit_test(test_forgotten_is_nowhere_left),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
