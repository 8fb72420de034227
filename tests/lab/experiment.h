/* experiment.h - one world with a link, a tunnel and its load, and what comes of it.
 *
 * The tunnel is warm: before the clock of the link and the load start, every session has carried a
 * few bytes each way, as it has in the measurements with the real programs. */
#ifndef KT_LAB_EXPERIMENT_H
#define KT_LAB_EXPERIMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "configs.h"
#include "figures.h"
#include "link.h"
#include "trace.h"

enum experiment_kind {
	EXPERIMENT_BULK,   /* one or many streams, one way */
	EXPERIMENT_THIN,   /* one stream of 50 messages of 64 bytes a second, echoed */
	EXPERIMENT_CONNS,  /* short connections of 1 KB, 8 at a time */
	EXPERIMENT_FCT,    /* downloads of a size, with pauses of a second between */
	EXPERIMENT_MIX,    /* 4 streams of 20 messages a second beside bulk streams */
	EXPERIMENT_SHARE,  /* bulk beside rivals, a cubic one unless said */
	EXPERIMENT_RESUME, /* bulk, and an outage */
	EXPERIMENT_KINDS
};
enum { EXPERIMENT_RIVALS_MAX = 15 };
extern const char *const experiment_kinds[EXPERIMENT_KINDS]; /* their names */

struct spec {                       /* 0: the usual, where nothing else is said */
	const char *link_name;      /* for people */
	struct link_params link[2]; /* by direction */
	const struct config *config;
	const char *crypt; /* NULL: aes */
	enum experiment_kind kind;
	bool up, both; /* bulk: not downwards; mix: in both directions */
	double seconds;
	unsigned streams;      /* of the load; thin ones of a mix */
	unsigned bulk_streams; /* of a mix */
	bool thin_first;       /* a mix's thin streams are opened before the bulk ones */
	unsigned conn;         /* sessions; 0: as the configuration says */
	uint64_t size;         /* bytes of a message or a download */
	double hz;
	uint32_t timer_us;    /* see tunnel.h */
	const char *rival;    /* "cubic", "bbr", "same": one more such tunnel; NULL: none */
	unsigned rivals;      /* of them */
	double rival_after_s; /* they begin so much later */
	uint64_t seed;
	double trace_s; /* rows of the trace, 0: none */
	/* What the trace comes to; it is given away before the world ends. */
	void (*traced)(const struct trace *t, void *user);
	void *user;
};

void experiment_run(const struct spec *spec, struct figures *f);
/* Share of a full datagram on the wire that is payload. */
double experiment_payload_share(void);

#endif
