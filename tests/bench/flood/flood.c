/* flood.c - so many datagrams a second of a kind, from several ports, for so long.
 *
 * They leave in batches of a millisecond each; what the machine has no time for is left out and told of.  Both are
 * bounded, and to an address in numbers of this host or of a wire that ends here: it is for tests. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "heard.h"
#include "kinds.h"

enum { RATE_MAX = 1000000, SECONDS_MAX = 60, SOURCES = 16, CHUNK = 64, LATE_US = 20 * 1000 };

struct options {
	const struct kind *kind;
	struct sockaddr_in to, from;
	const char *crypt, *key, *file;
	unsigned rate, seconds, sources;
	bool listens, records;
};

struct flood {
	struct options opt;
	struct maker maker;
	struct heard *heard;
	int fd[SOURCES_MAX];
	uint64_t sent, refused, late;
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	stopped = 1;
}

__attribute__((noreturn)) static void die(const char *what, const char *which)
{
	fprintf(stderr, "flood: %s: %s\n", what, which);
	exit(2);
}

static uint64_t monotonic_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void sleep_until(uint64_t at_us)
{
	struct timespec ts = { .tv_sec = (time_t)(at_us / 1000000),
			       .tv_nsec = (long)(at_us % 1000000 * 1000) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

/* ---- sending ---------------------------------------------------------------------------- */

static void send_all(struct flood *f, unsigned source, const struct packet *pkts, unsigned count)
{
	struct mmsghdr msg[CHUNK];
	struct iovec iov[CHUNK];
	int n;

	for (unsigned i = 0; i < count; i++) {
		iov[i] = (struct iovec){ pkts[i].data, pkts[i].len };
		msg[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	}
	n = sendmmsg(f->fd[source], msg, count, 0);
	f->sent += n > 0 ? (unsigned)n : 0;
	f->refused += count - (n > 0 ? (unsigned)n : 0);
}

static void send_some(struct flood *f, unsigned source, uint64_t count)
{
	static uint8_t mem[CHUNK * PACKET_CAP];
	struct packet pkts[CHUNK];

	while (count > 0) {
		unsigned n = count < CHUNK ? (unsigned)count : CHUNK;

		maker_fill(&f->maker, source, pkts, mem, n);
		send_all(f, source, pkts, n);
		count -= n;
	}
}

/* Beside a session that lives the newest is repeated. */
static bool has_something(struct flood *f)
{
	if (f->opt.listens)
		heard_take(f->heard);
	return !f->maker.kind->heard || f->heard->count > 0;
}

static void run(struct flood *f)
{
	uint64_t start_us = monotonic_us(), done = 0, all = (uint64_t)f->opt.rate * f->opt.seconds;

	for (unsigned turn = 0; done < all && !stopped; turn++) {
		uint64_t passed_us = monotonic_us() - start_us,
			 due = passed_us * f->opt.rate / 1000000;
		uint64_t most = (uint64_t)LATE_US * f->opt.rate / 1000000;

		if (due > all)
			due = all;
		if (due > done + most) {
			f->late += due - done - most;
			done = due - most;
		}
		if (has_something(f))
			send_some(f, turn % f->opt.sources, due - done);
		done = due;
		sleep_until(start_us + passed_us + 1000);
	}
}

static void record(struct flood *f)
{
	uint64_t end_us = monotonic_us() + (uint64_t)f->opt.seconds * 1000000;

	while (monotonic_us() < end_us && !stopped && f->heard->count < HEARD_MAX) {
		heard_take(f->heard);
		sleep_until(monotonic_us() + 1000);
	}
	if (!heard_save(f->heard, f->opt.file))
		die(f->opt.file, strerror(errno));
	printf("{\"heard\": %zu}\n", f->heard->count);
}

/* ---- life --------------------------------------------------------------------------------- */

static void make_seal(struct flood *f)
{
	const struct seal_method *method = seal_method_find(f->opt.crypt);
	uint8_t pass[SEAL_KEY_SIZE], seed[SEAL_SEED_SIZE];
	int err;

	if (method == NULL)
		die("no such crypt", f->opt.crypt);
	if (seal_derive_key(pass, f->opt.key, strlen(f->opt.key)) != 0 ||
	    getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		die("no key", f->opt.key);
	if (f->maker.kind->forged)
		pass[0] ^= 1;
	f->maker.seal = seal_new(method, pass, seed, &err);
	if (f->maker.seal == NULL)
		die("no seal", f->opt.crypt);
}

static void open_sources(struct flood *f)
{
	for (unsigned i = 0; i < f->opt.sources; i++) {
		f->fd[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (f->fd[i] < 0 ||
		    bind(f->fd[i], (const struct sockaddr *)&f->opt.from, sizeof(f->opt.from)) != 0 ||
		    connect(f->fd[i], (const struct sockaddr *)&f->opt.to, sizeof(f->opt.to)) != 0)
			die("no socket", strerror(errno));
	}
}

static void help(void)
{
	puts("usage: flood --to ADDRESS:PORT --kind KIND [options]\n"
	     "       flood --to ADDRESS:PORT --record FILE [--seconds N]\n"
	     "  --rate N         datagrams a second (100000)\n"
	     "  --seconds N      for so long (5, at most 60)\n"
	     "  --from ADDRESS   which is ours alone, and whose datagrams are not heard\n"
	     "  --sources N      from so many ports (16)\n"
	     "  --crypt NAME     the cipher, and\n"
	     "  --key TEXT       the key of the server\n"
	     "  --file FILE      what is to be replayed, as --record heard it go to that port\n"
	     "kinds:");
	for (size_t i = 0; i < kind_count; i++)
		printf("  %-16s %s\n", kinds[i].name, kinds[i].words);
}

static unsigned number(const char *text, unsigned most)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || n < 1 || n > most)
		die("not a number in range", text);
	return (unsigned)n;
}

static void set_target(struct options *o, const char *text)
{
	char host[INET_ADDRSTRLEN];
	const char *colon = strrchr(text, ':');

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		die("not ADDRESS:PORT", text);
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	o->to.sin_family = AF_INET;
	o->to.sin_port = htons((uint16_t)number(colon + 1, UINT16_MAX));
	if (inet_pton(AF_INET, host, &o->to.sin_addr) != 1)
		die("not an address in numbers", host);
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{ "to", required_argument, NULL, 't' },
		{ "from", required_argument, NULL, 'm' },
		{ "kind", required_argument, NULL, 'k' },
		{ "rate", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 's' },
		{ "sources", required_argument, NULL, 'n' },
		{ "crypt", required_argument, NULL, 'c' },
		{ "key", required_argument, NULL, 'y' },
		{ "file", required_argument, NULL, 'f' },
		{ "record", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*o = (struct options){ .crypt = "aes",
			       .key = "",
			       .rate = 100000,
			       .seconds = 5,
			       .sources = SOURCES };
	o->from.sin_family = AF_INET;
	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (c) {
		case 't':
			set_target(o, optarg);
			break;
		case 'm':
			if (inet_pton(AF_INET, optarg, &o->from.sin_addr) != 1)
				die("not an address in numbers", optarg);
			break;
		case 'k':
			o->kind = kind_find(optarg);
			if (o->kind == NULL)
				die("no such kind", optarg);
			break;
		case 'r':
			o->rate = number(optarg, RATE_MAX);
			break;
		case 's':
			o->seconds = number(optarg, SECONDS_MAX);
			break;
		case 'n':
			o->sources = number(optarg, SOURCES_MAX);
			break;
		case 'c':
			o->crypt = optarg;
			break;
		case 'y':
			o->key = optarg;
			break;
		case 'o':
			o->records = true;
			o->file = optarg;
			break;
		case 'f':
			o->file = optarg;
			break;
		case 'h':
			help();
			exit(0);
		default:
			exit(2);
		}
	}
	if (o->to.sin_port == 0 || (o->kind == NULL && !o->records) || optind != argc)
		die("wrong arguments", "--help tells");
	o->listens = o->records || (o->kind->heard && o->file == NULL);
}

int main(int argc, char **argv)
{
	static struct heard heard;
	struct flood f = { .heard = &heard };
	int err;

	parse(&f.opt, argc, argv);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	heard_init(&heard);
	if (f.opt.listens &&
	    (err = heard_listen(&heard, ntohs(f.opt.to.sin_port), f.opt.from.sin_addr.s_addr)) != 0)
		die("cannot listen to what passes", strerror(-err));
	if (f.opt.records) {
		record(&f);
		return 0;
	}
	if (f.opt.file != NULL && (!heard_load(&heard, f.opt.file) || heard.count == 0))
		die("nothing to replay", f.opt.file);
	f.maker.kind = f.opt.kind;
	f.maker.heard = &heard;
	maker_start(&f.maker, monotonic_us());
	if (f.maker.kind->sealed)
		make_seal(&f);
	open_sources(&f);
	run(&f);
	printf("{\"sent\": %llu, \"refused\": %llu, \"late\": %llu}\n", (unsigned long long)f.sent,
	       (unsigned long long)f.refused, (unsigned long long)f.late);
	return 0;
}
