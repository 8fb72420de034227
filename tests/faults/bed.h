/* bed.h - a small tunnel in virtual time that bears failures: two nodes, two sessions, streams of known bytes.
 *
 * However much fails, what comes of a stream is a beginning of what was sent, and what ends early says so. */
#ifndef KT_FAULTS_BED_H
#define KT_FAULTS_BED_H

#include <stdbool.h>
#include <stdint.h>

#include "session.h"

/* What a tunnel is made of. */
struct bed_kind {
	const char *name, *crypt;
	bool qpp;
	bool shares; /* the sessions of an end have a path in common */
	unsigned loss_percent;
	unsigned data_shards, parity_shards;
	enum codec_kind compression;
	int smux_version;
	enum session_congestion congestion;
};

struct bed_result {
	bool good;
	char why[200];
	bool started;   /* there was memory for what both ends share */
	unsigned whole; /* streams that arrived with all their bytes, both ways */
	unsigned cut;   /* others, which were told of */
	unsigned ended; /* sessions */
};

void bed_run(const struct bed_kind *kind, uint64_t seed, struct bed_result *result);

#endif
