/* faults.c - every request for memory fails once, and the tunnel bears it.
 *
 *     faults [--all] [--seed S] [--samples N] [--kind NAME] [--nth N] [--count N] [--verbose]
 *
 * A small tunnel runs again and again in virtual time; in each run the nth request for memory fails, alone or
 * with those that follow.  --all takes every n there is, otherwise N of them are drawn from the
 * seed for each kind of tunnel, and for each thing that is made at the start only.  A failure prints the command that repeats it. */
#include <getopt.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "bed.h"
#include "err.h"
#include "qpp.h"
#include "rng.h"
#include "seal.h"

static const struct bed_kind kinds[] = {
	{
		.name = "shards-snappy",
		.crypt = "aes",
		.loss_percent = 10,
		.data_shards = 5,
		.parity_shards = 2,
		.compression = CODEC_SNAPPY,
		.smux_version = 1,
		.congestion = SESSION_NONE,
	},
	{
		.name = "auto-zstd",
		.crypt = "aes-128-gcm",
		.shares = true,
		.loss_percent = 8,
		.data_shards = SESSION_AUTO,
		.parity_shards = SESSION_AUTO,
		.compression = CODEC_ZSTD,
		.smux_version = 2,
		.congestion = SESSION_MODEL,
	},
	{
		.name = "plain-qpp",
		.crypt = "salsa20",
		.qpp = true,
		.loss_percent = 5,
		.compression = CODEC_NONE,
		.smux_version = 2,
		.congestion = SESSION_RENO,
	},
};

/* The others cannot be tried in this build. */
static bool built_in(const struct bed_kind *kind)
{
	return codec_built_in(kind->compression) && seal_built_in(seal_method_find(kind->crypt));
}

/* So many requests in a row fail. */
static const unsigned long counts[] = { 1, 20, 500 };

struct totals {
	unsigned long runs, bad, unstarted, streams, cut, ended;
};

static bool verbose;

/* LeakSanitizer looks for leaks as well, and would find libcrypto's, see alloc_live(). */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libcrypto\n";
}

static void print(const struct bed_kind *kind, uint64_t seed, unsigned long nth,
		  unsigned long count, const struct bed_result *r)
{
	printf("%s --kind %s --seed %llu --nth %lu --count %lu: %u whole, %u cut, %u sessions ended%s%s\n",
	       r->good ? "ok" : "FAILED", kind->name, (unsigned long long)seed, nth, count,
	       r->whole, r->cut, r->ended, r->good ? "" : ": ", r->why);
	fflush(stdout);
}

/* Pieces of memory that a run leaves.  What a library keeps for the next time it keeps only once. */
static size_t run_for_leaks(const struct bed_kind *kind, uint64_t seed, unsigned long nth,
			    unsigned long count, struct bed_result *r)
{
	size_t left = 1;

	for (unsigned i = 0; i < 3 && left > 0; i++) {
		alloc_arm(nth, count);
		bed_run(kind, seed, r);
		alloc_pause();
		left = alloc_live();
		if (!r->good)
			break;
	}
	return left;
}

/* One run; false when it was not good. */
static bool run_one(const struct bed_kind *kind, uint64_t seed, unsigned long nth,
		    unsigned long count, struct totals *t)
{
	struct bed_result r;
	size_t left = run_for_leaks(kind, seed, nth, count, &r);

	if (r.good && left > 0) {
		r.good = false;
		snprintf(r.why, sizeof(r.why), "%zu pieces of memory are left", left);
	}
	if (verbose || !r.good)
		print(kind, seed, nth, count, &r);
	if (left > 0)
		alloc_print_live();
	t->runs++;
	t->bad += !r.good;
	t->unstarted += !r.started;
	t->streams += r.whole + r.cut;
	t->cut += r.cut;
	t->ended += r.ended;
	return r.good;
}

/* How many requests a run without a fault makes; 0 when not even that is good. */
static unsigned long requests_of(const struct bed_kind *kind, uint64_t seed)
{
	struct totals t = { 0 };
	struct bed_result r;

	bed_run(kind, seed, &r); /* makes what libraries keep */
	if (!run_one(kind, seed, 0, 0, &t) || t.cut > 0 || t.ended > 0)
		return 0;
	return alloc_asked();
}

/* True when all runs were good. */
static bool sweep(const struct bed_kind *kind, uint64_t seed, unsigned long samples)
{
	unsigned long n = requests_of(kind, seed), bad = n == 0;
	struct rng rng = { seed };

	for (size_t c = 0; c < ARRAY_LEN(counts) && n > 0; c++) {
		unsigned long runs = samples == 0 ? n : samples;
		struct totals t = { 0 };

		for (unsigned long i = 1; i <= runs; i++)
			run_one(kind, seed, samples == 0 ? i : rng_range(&rng, 1, (uint32_t)n),
				counts[c], &t);
		printf("%s, %lu requests, %lu in a row fail: %lu runs, %lu bad, %lu without a start, "
		       "%lu of %lu streams cut, %lu sessions ended\n",
		       kind->name, n, counts[c], t.runs, t.bad, t.unstarted, t.cut, t.streams,
		       t.ended);
		fflush(stdout);
		bad += t.bad;
	}
	return bad == 0;
}

static const struct bed_kind *find_kind(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

/* ---- what is made at the start only ------------------------------------------------------ */

/* False when it could not be made. */
static bool make_seal(size_t method)
{
	static const uint8_t pass[SEAL_KEY_SIZE], seed[SEAL_SEED_SIZE];
	struct seal *s = seal_new(&seal_methods[method], pass, seed, NULL);

	seal_free(s);
	ERR_clear_error();
	return s != NULL;
}

static bool make_qpp(size_t unused)
{
	struct qpp *q = qpp_new("key", 3, 5, NULL);

	qpp_free(q);
	ERR_clear_error();
	return q != NULL;
}

static bool make_key(size_t unused)
{
	uint8_t pass[SEAL_KEY_SIZE];
	bool made = seal_derive_key(pass, "key", 3) == KT_OK;

	ERR_clear_error();
	return made;
}

struct maker {
	const char *name;
	bool (*make)(size_t which);
	size_t which;
};

/* False when something is left. */
static bool make_one(const struct maker *m, unsigned long nth)
{
	size_t left = 1;

	for (unsigned i = 0; i < 3 && left > 0; i++) {
		alloc_arm(nth, 1);
		m->make(m->which);
		alloc_pause();
		left = alloc_live();
	}
	if (left == 0)
		return true;
	printf("FAILED %s: with request %lu failing %zu pieces of memory are left\n", m->name, nth,
	       left);
	alloc_print_live();
	return false;
}

/* True when nothing was ever left, nor anything broken for the next time. */
static bool sweep_maker(const struct maker *m, uint64_t seed, unsigned long samples)
{
	bool makes = m->make(m->which), good = true;
	struct rng rng = { seed };
	unsigned long n;

	alloc_arm(0, 0);
	m->make(m->which);
	alloc_pause();
	n = alloc_asked();
	if (samples == 0 || n <= samples)
		for (unsigned long i = 1; i <= n; i++)
			good &= make_one(m, i);
	else
		for (unsigned long i = 0; i < samples; i++)
			good &= make_one(m, rng_range(&rng, 1, (uint32_t)n));
	if (m->make(m->which) == makes)
		return good;
	printf("FAILED %s: never again after a failure\n", m->name);
	return false;
}

/* libcrypto crashes when it loads the provider of these and a request of its own fails. */
static bool is_legacy(const struct seal_method *m)
{
	return strcmp(m->name, "blowfish") == 0 || strcmp(m->name, "cast5") == 0;
}

static bool run_makers(uint64_t seed, unsigned long samples)
{
	/* Of a hundred thousand requests of the same kind a sample is enough. */
	bool good = sweep_maker(&(struct maker){ "qpp", make_qpp, 0 }, seed, 30);

	good &= sweep_maker(&(struct maker){ "key", make_key, 0 }, seed, 100);
	for (size_t i = 0; i < seal_method_count; i++)
		if (!is_legacy(&seal_methods[i]))
			good &= sweep_maker(&(struct maker){ seal_methods[i].name, make_seal, i },
					    seed, samples);
	return good;
}

static bool run_all(const struct bed_kind *only, uint64_t seed, unsigned long samples)
{
	bool good = true;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if ((only == NULL || only == &kinds[i]) && built_in(&kinds[i]))
			good &= sweep(&kinds[i], seed, samples);
	return good;
}

static bool repeat(const struct bed_kind *kind, uint64_t seed, unsigned long nth, unsigned long count)
{
	struct totals t = { 0 };

	return requests_of(kind, seed) > 0 && run_one(kind, seed, nth, count, &t);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "seed", required_argument, NULL, 's' },
		{ "samples", required_argument, NULL, 'm' },
		{ "kind", required_argument, NULL, 'k' },
		{ "nth", required_argument, NULL, 'n' },
		{ "count", required_argument, NULL, 'c' },
		{ "verbose", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	unsigned long samples = 100, nth = 0, count = 1;
	const struct bed_kind *only = NULL;
	uint64_t seed = 1;
	bool good = true;
	int opt;

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (opt == 'a')
			samples = 0;
		else if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (opt == 'm')
			samples = strtoul(optarg, NULL, 0);
		else if (opt == 'n')
			nth = strtoul(optarg, NULL, 0);
		else if (opt == 'c')
			count = strtoul(optarg, NULL, 0);
		else if (opt == 'v')
			verbose = true;
		else if (opt != 'k' || (only = find_kind(optarg)) == NULL)
			return 2;
	}
	if (only != NULL && nth > 0)
		return !repeat(only, seed, nth, count);
	if (only == NULL)
		good = run_makers(seed, samples);
	return !(run_all(only, seed, samples) && good);
}
