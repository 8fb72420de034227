/* checks.c - the laboratory measures itself. */
#include "checks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "experiment.h"
#include "links.h"
#include "rival.h"

#define MS UINT64_C(1000)
#define S UINT64_C(1000000)

static bool between(const char *what, double v, double low, double high)
{
	bool good = v >= low && v <= high;

	printf("%s laboratory: %s: %g, wanted %g .. %g\n", good ? "ok" : "not ok", what, v, low, high);
	return good;
}

/* ---- links ----------------------------------------------------------------------------------- */

/* 1000 bytes every `gap_us` for 20 s, and what became of them. */
struct stream {
	struct link_stats n;
	double rate; /* Mbit/s that arrived */
	double p95;  /* ms in the queue */
	double latest_ms;
	uint64_t disorder;
};

static void drain(struct link *l, uint64_t now_us, struct stream *s, uint64_t *highest)
{
	struct link_packet pkt;

	while (link_deadline(l) <= now_us) {
		uint64_t at = link_deadline(l);
		double late;

		link_receive(l, at, &pkt);
		late = (double)(at - pkt.tag) * 1e-3;
		s->latest_ms = late > s->latest_ms ? late : s->latest_ms;
		s->rate += pkt.wire * 8e-6 / 20;
		s->disorder += pkt.tag < *highest;
		*highest = pkt.tag > *highest ? pkt.tag : *highest;
	}
}

static struct stream stream_over(const char *link, uint64_t gap_us)
{
	struct link_params params[2];
	struct stream s = { .rate = 0 };
	uint64_t highest = 0;
	char why[LINK_WHY_MAX];
	struct link *l;

	if (!link_parse(link, params, why))
		return s;
	l = link_new(&params[0], 1);
	link_start(l, S);
	for (uint64_t at = S; at < 21 * S; at += gap_us) {
		drain(l, at, &s, &highest);
		link_send(l, at, &(struct link_packet){ .tag = at, .wire = 1000 });
	}
	drain(l, 21 * S, &s, &highest);
	s.n = *link_stats(l);
	s.p95 = samples_percentile(link_waits(l), 95);
	link_free(l);
	return s;
}

static double share(struct link_count part, const struct stream *s)
{
	return 100 * (double)part.packets / (double)s->n.offered.packets;
}

static bool check_links(void)
{
	struct stream s = stream_over("wan-10", 200);
	bool good = between("loss %", share(s.n.lost, &s), 9.5, 10.5);

	good &= between("delay ms", s.latest_ms, 50.07, 50.09);
	s = stream_over("bursty,rate=0", 100);
	good &= between("loss in bursts %", share(s.n.lost, &s), 4.2, 5.3);
	s = stream_over("wan-5,run=10,rate=0", 100);
	good &= between("loss in runs %", share(s.n.lost, &s), 4.2, 5.8);
	s = stream_over("wan,rate=10,queue=30", 400);
	good &= between("rate Mbit/s", s.rate, 9.95, 10.01);
	good &= between("full queue ms", s.p95, 29, 31);
	good &= between("dropped %", share(s.n.queue_dropped, &s), 49, 51);
	s = stream_over("policer,police=5/20", 400);
	good &= between("policed Mbit/s", s.rate, 4.95, 5.05);
	s = stream_over("wave,wave=4/12/2", 400);
	good &= between("mean of a wave Mbit/s", s.rate, 7.9, 8.05);
	s = stream_over("wan,jitter=10", 1000);
	good &= between("disorder by jitter", (double)s.disorder, 0, 0);
	s = stream_over("wan,reorder=2,reorder_by=8", 1000);
	good &= between("reordered %", share(s.n.reordered, &s), 1.7, 2.3);
	good &= between("latest of the reordered ms", s.latest_ms, 58, 58.1);
	s = stream_over("wan,outage=5/3", 1000);
	good &= between("lost in an outage %", share(s.n.outage_dropped, &s), 14.9, 15.1);
	return good;
}

/* ---- rivals ---------------------------------------------------------------------------------- */

enum { FLOWS_MAX = 2 };

/* So many Mbit/s each gets in 30 s, the first 5 s left out. */
static void run_rivals(const char *link, enum rival_kind kind, unsigned count, double mbit[FLOWS_MAX])
{
	struct rival *rivals[FLOWS_MAX];
	struct link_params params[2];
	struct world w;
	char why[LINK_WHY_MAX];
	uint64_t start;

	if (!link_parse(link, params, why))
		return;
	world_init(&w, params, 1);
	start = w.now_us;
	for (unsigned i = 0; i < count; i++)
		rivals[i] = rival_new(&w, kind, WORLD_DOWN, start + i * 2 * S, i);
	world_run(&w, start + 5 * S);
	for (unsigned i = 0; i < count; i++)
		mbit[i] = -(double)rival_bytes(rivals[i]);
	world_run(&w, start + 60 * S);
	for (unsigned i = 0; i < count; i++) {
		mbit[i] = (mbit[i] + (double)rival_bytes(rivals[i])) * 8e-6 / 55;
		rival_free(rivals[i]);
	}
	world_dispose(&w);
}

static bool check_rivals(void)
{
	double mbit[FLOWS_MAX] = { 0, 0 };
	bool good = true;

	run_rivals("even", RIVAL_CUBIC, 1, mbit);
	good &= between("a cubic flow alone, of 40 Mbit/s", mbit[0], 36, 40);
	run_rivals("even", RIVAL_BBR, 1, mbit);
	good &= between("a BBR flow alone, of 40 Mbit/s", mbit[0], 36, 40);
	run_rivals("even,loss=1", RIVAL_BBR, 1, mbit);
	good &= between("a BBR flow alone, 1 % lost", mbit[0], 34, 40);
	run_rivals("even,loss=1", RIVAL_CUBIC, 1, mbit);
	good &= between("a cubic flow alone, 1 % lost", mbit[0], 1, 8);
	run_rivals("even", RIVAL_CUBIC, 2, mbit);
	good &= between("two cubic flows together", mbit[0] + mbit[1], 36, 40);
	good &= between("the first one's part", mbit[0] / (mbit[0] + mbit[1]), 0.35, 0.65);
	run_rivals("even", RIVAL_BBR, 2, mbit);
	good &= between("two BBR flows together", mbit[0] + mbit[1], 36, 40);
	good &= between("the first one's part", mbit[0] / (mbit[0] + mbit[1]), 0.35, 0.65);
	return good;
}

/* ---- repetition ------------------------------------------------------------------------------- */

static bool same(const struct figures *a, const struct figures *b)
{
	for (int i = 0; i < FIG_COUNT; i++)
		if (!(a->v[i] == b->v[i] || (isnan(a->v[i]) && isnan(b->v[i]))))
			return false;
	return a->good && b->good;
}

static void run_unruly(enum experiment_kind kind, uint64_t seed, struct figures *f)
{
	struct spec spec = {
		.kind = kind,
		.config = &configs[0],
		.seconds = 3,
		.rival = "bbr",
		.seed = seed,
	};
	char why[LINK_WHY_MAX];

	link_parse("unruly,loss=2", spec.link, why);
	experiment_run(&spec, f);
}

static bool check_repetition(void)
{
	bool good = true;

	for (int kind = 0; kind < EXPERIMENT_KINDS; kind++) {
		struct figures first, again, other;
		bool held;

		run_unruly((enum experiment_kind)kind, 1, &first);
		run_unruly((enum experiment_kind)kind, 1, &again);
		run_unruly((enum experiment_kind)kind, 2, &other);
		held = same(&first, &again) && !same(&first, &other);
		printf("%s laboratory: %s is the same with the same seed, and only then\n",
		       held ? "ok" : "not ok", experiment_kinds[kind]);
		good &= held;
	}
	return good;
}

bool checks_self(void)
{
	bool good = check_links();

	good &= check_rivals();
	good &= check_repetition();
	return good;
}
