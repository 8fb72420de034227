/* figures.c - what an experiment measures. */
#include "figures.h"

#include <math.h>
#include <string.h>

const struct figure_info figure_infos[FIG_COUNT] = {
	[FIG_MBIT] = { "Mbit/s", "goodput, startup included", 2 },
	[FIG_GOODPUT] = { "good%", "goodput in % of the limit", 1 },
	[FIG_WIRE_OVER] = { "over%", "wire bytes in % over what is necessary", 1 },
	[FIG_RESENT] = { "resent%", "data segments that were resent", 1 },
	[FIG_QUEUE_P50] = { "q50", "ms in the queue, median", 1 },
	[FIG_QUEUE_P95] = { "q95", "ms in the queue, 95th percentile", 1 },
	[FIG_DROPPED] = { "drop%", "packets dropped by queue or policer", 1 },
	[FIG_P50] = { "p50", "ms, median", 1 },
	[FIG_P99] = { "p99", "ms, 99th percentile", 1 },
	[FIG_P99_OVER] = { "p99+", "ms that p99 is over that without the bulk", 1 },
	[FIG_MISSING] = { "missing", "begun and never finished", 0 },
	[FIG_COUNT_OF] = { "n", "messages or transfers", 0 },
	[FIG_RATIO] = { "ratio", "p50 / (round trip + size / rate)", 2 },
	[FIG_KBIT] = { "kbit/s", "on the wire, both directions", 0 },
	[FIG_SHARE] = { "share%", "of what all flows got", 1 },
	[FIG_JAIN] = { "Jain", "Jain's index over all flows", 3 },
	[FIG_USED] = { "used%", "of the link's rate that all got", 1 },
	[FIG_BACK] = { "back", "ms from the outage's end to half of the earlier rate", 0 },
};

void figures_clear(struct figures *f)
{
	memset(f, 0, sizeof(*f));
	f->good = true;
	for (int i = 0; i < FIG_COUNT; i++)
		f->v[i] = NAN;
}

void figures_mean(const struct figures *runs, size_t count, struct figures *mean)
{
	figures_clear(mean);
	for (size_t r = 0; r < count; r++) {
		if (!runs[r].good && mean->good)
			*mean = runs[r];
	}
	for (int i = 0; i < FIG_COUNT; i++) {
		double sum = 0;

		for (size_t r = 0; r < count; r++)
			sum += runs[r].v[i];
		mean->v[i] = sum / (double)count;
	}
}

enum figure figure_find(const char *name)
{
	for (int i = 0; i < FIG_COUNT; i++)
		if (strcmp(figure_infos[i].name, name) == 0)
			return (enum figure)i;
	return FIG_COUNT;
}
