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
	/* Symbols of what is under way: hardly anything that is lost costs a round trip. */
	{ .link = "wan-10", .config = "model", .spec = { .kind = EXPERIMENT_THIN },
	  .limits = { AT_MOST(FIG_P50, 101), AT_MOST(FIG_P99, 130), AT_MOST(FIG_MISSING, 0),
		      AT_MOST(FIG_KBIT, 355) } },
	{ .link = "wan-20", .config = "model", .spec = { .kind = EXPERIMENT_THIN },
	  .limits = { AT_MOST(FIG_P50, 101), AT_MOST(FIG_P99, 160), AT_MOST(FIG_MISSING, 0),
		      AT_MOST(FIG_KBIT, 365) } },
	/* Parity where it pays: no round trip is lost, and a bulk transfer has none. */
	{ .link = "wan-1", .config = "model", .spec = { .kind = EXPERIMENT_FCT, .seconds = 20 },
	  .limits = { AT_MOST(FIG_RATIO, 1.3), AT_MOST(FIG_MISSING, 0) } },
	{ .link = "wan-5", .config = "model", .spec = { .kind = EXPERIMENT_FCT, .seconds = 20 },
	  .limits = { AT_MOST(FIG_RATIO, 1.3), AT_MOST(FIG_MISSING, 0) } },
	/* A start that a run of losses ends early is made up for slowly by files. */
	{ .link = "wan-5", .config = "model", .spec = { .kind = EXPERIMENT_FCT, .seconds = 20, .size = 1000000 },
	  .limits = { AT_MOST(FIG_RATIO, 1.6), AT_MOST(FIG_MISSING, 0) } },
	/* What a file's few round trips tell of the path is enough to know its rate. */
	{ .link = "P3", .config = "model",
	  .spec = { .kind = EXPERIMENT_FCT, .seconds = 40, .size = 1000000 },
	  .limits = { AT_MOST(FIG_RATIO, 1.45), AT_MOST(FIG_MISSING, 0), AT_MOST(FIG_DROPPED, 4) } },
	{ .link = "wan-1", .config = "default", .spec = { .kind = EXPERIMENT_MIX },
	  .limits = { AT_MOST(FIG_MISSING, 0), AT_MOST(FIG_P99, 200) } },
	/* Where as much is sent both ways, neither takes the other's queue for its own. */
	{ .link = "wan", .config = "shared",
	  .spec = { .kind = EXPERIMENT_MIX, .both = true, .seconds = 20, .streams = 4, .bulk_streams = 2, .hz = 20 },
	  .limits = { AT_LEAST(FIG_GOODPUT, 94), AT_MOST(FIG_P99, 170), AT_MOST(FIG_QUEUE_P95, 45) } },
	{ .link = "even", .config = "default", .spec = { .kind = EXPERIMENT_SHARE, .rival = "same" },
	  .limits = { AT_LEAST(FIG_JAIN, 0.95) } },
	{ .link = "P3", .config = "default", .spec = { .kind = EXPERIMENT_RESUME },
	  .limits = { AT_MOST(FIG_BACK, 1500) } },

	/* The model fills what there is, and leaves queues short. */
	{ .link = "wan", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 96.5), AT_MOST(FIG_WIRE_OVER, 1), AT_MOST(FIG_RESENT, 1),
		      AT_MOST(FIG_QUEUE_P95, 27) } },
	{ .link = "wan-10", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 94), AT_MOST(FIG_WIRE_OVER, 3), AT_MOST(FIG_QUEUE_P95, 27) } },
	{ .link = "wan-30", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 93), AT_MOST(FIG_WIRE_OVER, 4.5), AT_MOST(FIG_QUEUE_P95, 38) } },
	{ .link = "shallow-10", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 92), AT_MOST(FIG_WIRE_OVER, 8) } },
	{ .link = "bursty", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 91), AT_MOST(FIG_WIRE_OVER, 4.5) } },
	/* Of what comes back ten in sequence are lost, and a map tells it all. */
	{ .link = "wan,up.burst=0.5/10", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 94), AT_MOST(FIG_WIRE_OVER, 2.5) } },
	{ .link = "unruly", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 92) } },
	/* The links that it was made for, with what chance adds. */
	{ .link = "wan-1", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 96.5), AT_MOST(FIG_WIRE_OVER, 1.5), AT_MOST(FIG_QUEUE_P95, 27) } },
	{ .link = "wan-5", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 96), AT_MOST(FIG_WIRE_OVER, 2.5), AT_MOST(FIG_QUEUE_P95, 27) } },
	{ .link = "wan-20", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 95), AT_MOST(FIG_WIRE_OVER, 3.5), AT_MOST(FIG_QUEUE_P95, 29) } },
	{ .link = "P1", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 98), AT_MOST(FIG_WIRE_OVER, 1), AT_MOST(FIG_QUEUE_P95, 15) } },
	{ .link = "P2", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 97.5), AT_MOST(FIG_WIRE_OVER, 1.5), AT_MOST(FIG_QUEUE_P95, 27) } },
	{ .link = "P3", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 94), AT_MOST(FIG_WIRE_OVER, 4) } },
	{ .link = "P4", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 95.5), AT_MOST(FIG_WIRE_OVER, 2), AT_MOST(FIG_QUEUE_P95, 28) } },
	{ .link = "P5", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 94), AT_MOST(FIG_WIRE_OVER, 4) } },
	{ .link = "P6", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 88) } },
	{ .link = "P7", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 94.5), AT_MOST(FIG_WIRE_OVER, 5) } },
	{ .link = "P8", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 98.5), AT_MOST(FIG_WIRE_OVER, 1), AT_MOST(FIG_QUEUE_P95, 5) } },
	{ .link = "P9", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 93), AT_MOST(FIG_WIRE_OVER, 4) } },
	{ .link = "P10", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 98.5), AT_MOST(FIG_WIRE_OVER, 4), AT_MOST(FIG_QUEUE_P95, 2) } },
	{ .link = "P11", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 65) } },
	/* And with the sessions of `conn = auto`: connections, and small messages beside a bulk transfer. */
	{ .link = "wan-5", .config = "shared", .spec = { .kind = EXPERIMENT_CONNS },
	  .limits = { AT_MOST(FIG_P50, 105), AT_MOST(FIG_P99, 150), AT_MOST(FIG_MISSING, 0) } },
	{ .link = "wan-1", .config = "shared", .spec = { .kind = EXPERIMENT_MIX },
	  .limits = { AT_LEAST(FIG_GOODPUT, 95), AT_MOST(FIG_P99_OVER, 25), AT_MOST(FIG_MISSING, 0) } },
	/* Round trips that differ by more than a half are no queue that others fill. */
	{ .link = "wan,jitter=30", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 70) } },
	/* A queue that is far shorter than a round trip never shows: what a start loses to it is not the medium's. */
	{ .link = "wan,rate=5,delay=150,queue=20", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 93), AT_MOST(FIG_WIRE_OVER, 12) } },
	{ .link = "wan,rate=20,delay=150,queue=20,loss=5", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 87), AT_MOST(FIG_WIRE_OVER, 18) } },
	{ .link = "wan,delay=100,rate=50,police=5/30,queue=20", .config = "model",
	  .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 95), AT_MOST(FIG_WIRE_OVER, 12) } },
	{ .link = "policer", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 97), AT_MOST(FIG_WIRE_OVER, 6) } },
	{ .link = "wave", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 90), AT_MOST(FIG_QUEUE_P95, 85) } },
	{ .link = "satellite", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 94), AT_MOST(FIG_WIRE_OVER, 5) } },
	{ .link = "metro", .config = "model", .spec = { .kind = EXPERIMENT_BULK, .seconds = 4 },
	  .limits = { AT_LEAST(FIG_GOODPUT, 95), AT_MOST(FIG_QUEUE_P95, 3) } },
	{ .link = "wan,delay=0.1,rate=1000,queue=5", .config = "model",
	  .spec = { .kind = EXPERIMENT_BULK, .seconds = 2 }, .limits = { AT_LEAST(FIG_GOODPUT, 80) } },
	{ .link = "wan,rate=20", .config = "foreign-sender", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 90), AT_MOST(FIG_WIRE_OVER, 15) } },
	{ .link = "wan,rate=1", .config = "model", .spec = { .kind = EXPERIMENT_BULK },
	  .limits = { AT_LEAST(FIG_GOODPUT, 88) } },
	{ .link = "outage", .config = "model", .spec = { .kind = EXPERIMENT_RESUME },
	  .limits = { AT_MOST(FIG_BACK, 1000) } },
	/* A path that lets less through in the middle of it. */
	{ .link = "shrinks", .config = "model", .spec = { .kind = EXPERIMENT_RESUME },
	  .limits = { AT_MOST(FIG_BACK, 1300) } },
	{ .link = "shrinks,delay=150,loss=10", .config = "model", .spec = { .kind = EXPERIMENT_RESUME },
	  .limits = { AT_MOST(FIG_BACK, 2400) } },
	/* What is lost again, of a whole window that is resent, does not wait for the rest of it. */
	{ .link = "P3", .config = "model", .spec = { .kind = EXPERIMENT_RESUME },
	  .limits = { AT_MOST(FIG_BACK, 720) } },
	/* It neither starves nor is starved. */
	{ .link = "even", .config = "model", .spec = { .kind = EXPERIMENT_SHARE, .rival = "cubic" },
	  .limits = { AT_LEAST(FIG_SHARE, 25), AT_MOST(FIG_SHARE, 70) } },
	{ .link = "even", .config = "model", .spec = { .kind = EXPERIMENT_SHARE, .rival = "bbr" },
	  .limits = { AT_LEAST(FIG_SHARE, 23), AT_MOST(FIG_SHARE, 65) } },
	{ .link = "even", .config = "model", .spec = { .kind = EXPERIMENT_SHARE, .rival = "same" },
	  .limits = { AT_LEAST(FIG_JAIN, 0.9), AT_MOST(FIG_WIRE_OVER, 3) } },
	{ .link = "even,rate=10,delay=10,queue=20", .config = "model",
	  .spec = { .kind = EXPERIMENT_SHARE, .rival = "same", .rivals = 3 },
	  .limits = { AT_MOST(FIG_WIRE_OVER, 110) } }, /* sixteen segments under way, of four */
};
/* clang-format on */
const size_t bound_count = sizeof(bounds) / sizeof(bounds[0]);
