/* sim.c - thousands of seeded tunnels in virtual time.
 *
 *     sim [--runs N] [--seed S] [--scenario NAME] [--verbose]
 *
 * Without a scenario every named one runs once, and those that draw everything from the seed run N times in all,
 * each its share of them, with the seeds S, S+1, ...  A failure prints the command that repeats it.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario.h"

static const struct scenario *find_scenario(const char *name)
{
	for (size_t i = 0; i < scenario_count; i++)
		if (strcmp(scenarios[i].name, name) == 0)
			return &scenarios[i];
	return NULL;
}

/* Its seed makes a scenario, so that many are worth while. */
static bool is_drawn(const struct scenario *s)
{
	return s->share > 0;
}

static unsigned long long runs_of(const struct scenario *s, const struct scenario *only,
				  unsigned long long runs)
{
	if (only != NULL)
		return runs;
	return is_drawn(s) ? (runs * s->share + 99) / 100 : 1;
}

static void print_result(const struct scenario *s, uint64_t seed, const struct world_result *r)
{
	printf("%s --scenario %s --seed %llu: %llu bytes in %.2f s, %llu steps, %.2f %% resent, "
	       "longest stall %.2f s, %u resets%s%s\n",
	       r->good ? "ok" : "FAILED", s->name, (unsigned long long)seed,
	       (unsigned long long)r->bytes, (double)r->time_us * 1e-6,
	       (unsigned long long)r->steps, 100 * r->resent_share,
	       (double)r->longest_stall_us * 1e-6, r->resets, r->good ? "" : ": ", r->why);
	fflush(stdout);
}

static bool run_one(const struct scenario *s, uint64_t seed, bool verbose)
{
	static struct world_params p; /* large */
	struct world_result result;
	struct rng r = { seed };

	s->make(&p, &r);
	p.name = s->name;
	if (verbose) {
		printf("running --scenario %s --seed %llu\n", s->name, (unsigned long long)seed);
		fflush(stdout);
	}
	world_run(&p, seed, &result);
	if (verbose || !result.good || !is_drawn(s))
		print_result(s, seed, &result);
	return result.good;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "runs", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 's' },
		{ "scenario", required_argument, NULL, 'n' },
		{ "verbose", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	unsigned long long runs = 1, seed = 1, bad = 0, total = 0;
	const struct scenario *only = NULL;
	bool verbose = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (opt == 'r')
			runs = strtoull(optarg, NULL, 0);
		else if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (opt == 'v')
			verbose = true;
		else if (opt != 'n' || (only = find_scenario(optarg)) == NULL)
			return 2;
	}
	for (size_t i = 0; i < scenario_count; i++) {
		const struct scenario *s = &scenarios[i];
		unsigned long long n = runs_of(s, only, runs);

		if (only != NULL && only != s)
			continue;
		for (unsigned long long k = 0; k < n; k++, total++)
			bad += !run_one(s, seed + k, verbose);
	}
	world_cleanup();
	printf("%llu runs, %llu failed\n", total, bad);
	return bad > 0;
}
