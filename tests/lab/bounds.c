/* bounds.c - what the figures of a tunnel must be. */
#include "bounds.h"

#include <math.h>

#define AT_LEAST(figure, v) \
	{ \
		figure, v, INFINITY, true \
	}
#define AT_MOST(figure, v) \
	{ \
		figure, -INFINITY, v, true \
	}

/* clang-format off */
const struct bound bounds[] = {
	/* A client's window of 512 fills half of this link, and FEC adds three tenths. */
	{ .link = "wan", .config = "default", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 48), AT_MOST(FIG_WIRE_OVER, 35), AT_MOST(FIG_RESENT, 1),
		      AT_MOST(FIG_QUEUE_P95, 10) } },
	{ .link = "wan-5", .config = "default", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 38), AT_MOST(FIG_RESENT, 2) } },
	{ .link = "wan-5", .config = "default", .spec = { .kind = EXPERIMENT_BULK, .up = true },
	  .limits = { AT_LEAST(FIG_MBIT, 3) } },
	{ .link = "wan-5", .config = "default", .spec = { .kind = EXPERIMENT_THIN },
	  .limits = { AT_MOST(FIG_P50, 105), AT_MOST(FIG_P99, 320), AT_MOST(FIG_MISSING, 0),
		      AT_MOST(FIG_KBIT, 210) } },
	{ .link = "wan-5", .config = "default", .spec = { .kind = EXPERIMENT_CONNS },
	  .limits = { AT_MOST(FIG_P50, 110), AT_MOST(FIG_P99, 600), AT_MOST(FIG_MISSING, 0) } },
	{ .link = "wan-1", .config = "default", .spec = { .kind = EXPERIMENT_FCT },
	  .limits = { AT_MOST(FIG_RATIO, 1.1), AT_MOST(FIG_MISSING, 0) } },
	/* Parity where it pays: no round trip is lost, and a bulk transfer has none. */
	{ .link = "wan-1", .config = "model", .spec = { .kind = EXPERIMENT_FCT, .seconds = 20 },
	  .limits = { AT_MOST(FIG_RATIO, 1.3), AT_MOST(FIG_MISSING, 0) } },
	{ .link = "wan-5", .config = "model", .spec = { .kind = EXPERIMENT_FCT, .seconds = 20 },
	  .limits = { AT_MOST(FIG_RATIO, 1.3), AT_MOST(FIG_MISSING, 0) } },
	{ .link = "wan-5", .config = "model", .spec = { .kind = EXPERIMENT_FCT, .seconds = 20, .size = 1000000 },
	  .limits = { AT_MOST(FIG_RATIO, 1.3), AT_MOST(FIG_MISSING, 0) } },
	{ .link = "wan-1", .config = "default", .spec = { .kind = EXPERIMENT_MIX },
	  .limits = { AT_MOST(FIG_MISSING, 0), AT_MOST(FIG_P99, 200) } },
	{ .link = "even", .config = "default", .spec = { .kind = EXPERIMENT_SHARE, .rival = "same" },
	  .limits = { AT_LEAST(FIG_JAIN, 0.95) } },
	{ .link = "P3", .config = "default", .spec = { .kind = EXPERIMENT_RESUME },
	  .limits = { AT_MOST(FIG_BACK, 1500) } },
};
/* clang-format on */
const size_t bound_count = sizeof(bounds) / sizeof(bounds[0]);
