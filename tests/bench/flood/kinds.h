/* kinds.h - what a flood is made of. */
#ifndef FLOOD_KINDS_H
#define FLOOD_KINDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heard.h"
#include "packet.h"
#include "seal.h"

enum { SOURCES_MAX = 64 };

/* One that fills datagrams.  Those that are sealed have headroom for it. */
struct maker {
	const struct kind *kind;
	struct seal *seal;         /* of the key, or of another one for what is forged */
	const struct heard *heard; /* of what is repeated */
	uint64_t rng;
	size_t turn;                /* of what was heard */
	uint32_t conv[SOURCES_MAX]; /* of each source, and */
	uint32_t sn[SOURCES_MAX];   /* its next segment */
};

struct kind {
	const char *name, *words;
	bool sealed; /* fill() makes a payload, which is sealed then */
	bool forged; /* with another key */
	bool heard;  /* needs what was heard */
	void (*fill)(struct maker *m, unsigned source, struct packet *pkt);
};

extern const struct kind kinds[];
extern const size_t kind_count;
const struct kind *kind_find(const char *name);

/* All else is set. */
void maker_start(struct maker *m, uint64_t seed);
/* The next `count` datagrams of a source, at most BATCH_MAX; `mem` has PACKET_CAP bytes for each. */
void maker_fill(struct maker *m, unsigned source, struct packet *pkts, uint8_t *mem, size_t count);

#endif
