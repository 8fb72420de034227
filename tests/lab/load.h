/* load.h - applications that use a tunnel.
 *
 *   bulk       streams that carry as much as they can, one way
 *   thin       messages due at a steady pace, echoed by the far end; they leave on time whatever
 *              became of those before
 *   transfers  connections one after another: open, a small request up, so many bytes down, close;
 *              without pauses these are short connections, with pauses downloads on a warm tunnel
 *
 * The applications and their hosts take no time.  A load begins and ends at times given when it
 * is made; what is still under way at the end may arrive, and is counted, in the time after. */
#ifndef KT_LAB_LOAD_H
#define KT_LAB_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "samples.h"
#include "tunnel.h"
#include "world.h"

enum load_kind { LOAD_BULK, LOAD_THIN, LOAD_TRANSFERS };

enum {
	LOAD_BIN_US = 10 * 1000,
	LOAD_REQUEST_BYTES = 64,
	LOAD_WARM_BYTES = 64, /* of a transfer that warms a tunnel up */
};

struct load_params {
	enum load_kind kind;
	unsigned streams; /* side by side */
	unsigned conn;    /* the first stream's session; the others follow in turn */
	uint64_t from_us, to_us;
	bool up;         /* bulk: towards the server */
	uint64_t size;   /* bytes of a message or a transfer */
	double hz;       /* thin: messages per second of each stream */
	double warmup_s; /* thin: messages of this time are not counted */
	double pause_s;  /* transfers: between two, in the mean (a quarter more or less); 0: none */
	uint64_t seed;
};

struct load;

/* Joins the world.  Free it after the tunnel. */
struct load *load_new(struct world *w, struct tunnel *t, const struct load_params *p);
void load_free(struct load *l);

/* Payload that came to its end; of thin and transfers downwards only. */
uint64_t load_bytes(const struct load *l);
/* The same by time, in bins of LOAD_BIN_US from the beginning on; how many there are. */
size_t load_bins(const struct load *l, const uint64_t **bins);
/* ms from when a message was due until its echo was there; ms of a transfer, from the opening
 * until the last byte. */
struct samples *load_times(struct load *l);
/* Messages or transfers that were begun, counted, and did not come to their end (yet). */
uint64_t load_missing(const struct load *l);

#endif
