/* bench_udp.c - CPU time per datagram of sending and receiving over loopback.
 *
 * A connected client and an unconnected server, as in use.  Bursts of 4 batches of 64 packets
 * (about what a gigabit brings per loop iteration) go one way, then the other; sends and
 * receives are timed apart, in CPU time of the thread (user and system).  The kernel does
 * loopback's receive work inside the sender's call, so the sum is shown too.  The modes take
 * turns in every round, so that noise hits all alike; medians of the rounds are printed.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "udp.h"
#include "wire.h"

enum { BATCHES = 4, BATCH = 64, LEN = 1350, BURSTS = 40, ROUNDS = 31, SOCKBUF = 4 << 20 };
enum { C2S_SEND, C2S_RECV, S2C_SEND, S2C_RECV, COLUMNS };

struct mode {
	const char *name;
	unsigned features;
	struct udp server, client;
	struct udp_path path; /* the client, as the server sees it */
	double ns[COLUMNS][ROUNDS];
};

static struct mode modes[] = {
	{ .name = "gso+gro+mmsg", .features = UDP_GSO | UDP_GRO | UDP_MMSG },
	{ .name = "gso+gro", .features = UDP_GSO | UDP_GRO },
	{ .name = "mmsg", .features = UDP_MMSG },
	{ .name = "plain", .features = 0 },
};

static struct packet_pool pool;
static struct batch batches[BATCHES];
static struct udp_rx *rx;
static struct packet got[UDP_RECV_MAX];
static struct udp_path got_path[UDP_RECV_MAX];

static void die(const char *what)
{
	fprintf(stderr, "bench_udp: %s\n", what);
	exit(1);
}

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void open_mode(struct mode *m)
{
	struct udp_options opt = { .sockbuf = SOCKBUF, .features = m->features };
	struct sockaddr_in a = { .sin_family = AF_INET };

	if (udp_listen(&m->server, (struct sockaddr *)&a, sizeof(a), &opt) < 0)
		die("cannot listen");
	a.sin_port = htons(m->server.port);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (udp_connect(&m->client, (struct sockaddr *)&a, sizeof(a), &opt) < 0)
		die("cannot connect");
	if (m->client.features != m->features)
		fprintf(stderr, "bench_udp: this system lacks some of %s\n", m->name);
}

static void fill(const struct udp_path *path)
{
	for (int b = 0; b < BATCHES; b++)
		for (int i = 0; i < BATCH; i++) {
			struct packet *p = batch_add(&batches[b]);

			if (p == NULL)
				die("out of memory");
			memset(p->data, i, LEN);
			p->len = LEN;
			p->path = path;
		}
}

static void burst(struct udp *from, struct udp *to, const struct udp_path *path, double *send_ns,
		  double *recv_ns, struct udp_path *seen)
{
	size_t n = 0;
	double t0, t1;
	bool more;

	fill(path);
	t0 = cpu_ns();
	for (int b = 0; b < BATCHES; b++)
		udp_send(from, &batches[b]);
	t1 = cpu_ns();
	*send_ns += t1 - t0;
	for (int idle = 0; n < BATCHES * BATCH && idle < 1000000;) {
		size_t k = udp_recv(to, rx, got, got_path, UDP_RECV_MAX, &more);

		n += k;
		idle = k > 0 ? 0 : idle + 1;
	}
	*recv_ns += cpu_ns() - t1;
	if (n != BATCHES * BATCH || from->blocked || from->stats.send_errs > 0)
		die("datagrams were lost: is net.core.rmem_max below 4 MiB?");
	if (seen != NULL)
		*seen = got_path[0];
}

static void run_round(struct mode *m, int round)
{
	double sum[COLUMNS] = { 0 };

	for (int i = 0; i < BURSTS; i++) {
		burst(&m->client, &m->server, NULL, &sum[C2S_SEND], &sum[C2S_RECV], &m->path);
		burst(&m->server, &m->client, &m->path, &sum[S2C_SEND], &sum[S2C_RECV], NULL);
	}
	for (int c = 0; c < COLUMNS; c++)
		m->ns[c][round] = sum[c] / (BURSTS * BATCHES * BATCH);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), compare);
	return v[ROUNDS / 2];
}

static void report(void)
{
	double base[COLUMNS + 2] = { 0 };

	printf("CPU ns per packet of %d bytes, %d a batch; in brackets: times cheaper than mmsg\n",
	       LEN, BATCH);
	printf("%-14s%16s%16s%16s%16s%16s%16s\n", "", "client send", "server recv", "sum",
	       "server send", "client recv", "sum");
	for (size_t pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
			double *v0 = modes[i].ns[C2S_SEND], v[COLUMNS + 2];

			v[0] = median(v0);
			v[1] = median(modes[i].ns[C2S_RECV]);
			v[2] = v[0] + v[1];
			v[3] = median(modes[i].ns[S2C_SEND]);
			v[4] = median(modes[i].ns[S2C_RECV]);
			v[5] = v[3] + v[4];
			if (modes[i].features == UDP_MMSG)
				memcpy(base, v, sizeof(base));
			if (pass == 0)
				continue;
			printf("%-14s", modes[i].name);
			for (size_t c = 0; c < ARRAY_LEN(v); c++)
				printf("%9.0f (%4.1f)", v[c], base[c] / v[c]);
			printf("\n");
		}
}

int main(void)
{
	packet_pool_init(&pool);
	for (int b = 0; b < BATCHES; b++)
		batch_init(&batches[b], &pool);
	rx = udp_rx_new();
	if (rx == NULL)
		die("out of memory");
	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		open_mode(&modes[i]);
	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < ARRAY_LEN(modes); i++)
			run_round(&modes[i], round);
	report();
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		udp_close(&modes[i].client);
		udp_close(&modes[i].server);
	}
	udp_rx_free(rx);
	packet_pool_dispose(&pool);
	return 0;
}
