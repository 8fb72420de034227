/* figures.h - what an experiment measures. */
#ifndef KT_LAB_FIGURES_H
#define KT_LAB_FIGURES_H

#include <stdbool.h>
#include <stddef.h>

/* Those that have no sense in an experiment are NAN in it. */
enum figure {
	/* of the bulk streams */
	FIG_MBIT,      /* goodput over the whole time, startup included, Mbit/s */
	FIG_GOODPUT,   /* the same, % of the limit: rate * payload share * (1 - loss) */
	FIG_WIRE_OVER, /* % of wire bytes, data's direction, over payload / (share * (1 - loss)) */
	FIG_RESENT,    /* % of the data segments */
	FIG_QUEUE_P50, /* ms that packets waited for the rate limiter, data's direction */
	FIG_QUEUE_P95,
	FIG_DROPPED, /* % of the packets that the queue or the policer dropped, data's direction */
	/* of messages and transfers */
	FIG_P50,
	FIG_P99,      /* ms */
	FIG_P99_OVER, /* ms that p99 is over that of the same without the bulk streams */
	FIG_MISSING,  /* begun and not back within the grace */
	FIG_COUNT_OF, /* how many came back */
	FIG_RATIO,    /* p50 / (round trip + size / rate) of transfers */
	FIG_KBIT,     /* kbit/s on the wire, both directions */
	/* beside rivals */
	FIG_SHARE, /* % of what all got */
	FIG_JAIN,  /* Jain's index over all flows */
	FIG_USED,  /* % of the link's rate that all got together */
	/* after an outage */
	FIG_BACK, /* ms until half of the earlier rate */
	FIG_COUNT
};

struct figure_info {
	const char *name; /* as in a table's head */
	const char *what;
	int decimals;
};
extern const struct figure_info figure_infos[FIG_COUNT];

struct figures {
	bool good;
	char why[128]; /* when it is not */
	double v[FIG_COUNT];
};

void figures_clear(struct figures *f);
/* Of `count` runs the mean of each figure; good when all are. */
void figures_mean(const struct figures *runs, size_t count, struct figures *mean);
/* By its name; FIG_COUNT when there is none such. */
enum figure figure_find(const char *name);

#endif
