/* diagnosis.h - what is wrong with a peer, in words, once per peer and minute.
 *
 * The pipeline only counts; here the counts of one peer become a sentence that
 * names the likely key of the configuration. */
#ifndef KT_DIAGNOSIS_H
#define KT_DIAGNOSIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "log.h"
#include "udp.h"

struct tunnel;
struct link;
struct relay;

enum {
	DIAGNOSIS_PEERS = 64,           /* watched at once; the one seen least lately gives way */
	DIAGNOSIS_BAD_MIN = 3,          /* bad datagrams, and no good one, that make a finding */
	DIAGNOSIS_BARREN_MIN = 3,       /* streams in a row without an answer that make one */
	DIAGNOSIS_LINES_PER_MINUTE = 8, /* of a tunnel, whoever causes them */
};

struct diagnosis_peer {
	struct udp_path path;
	uint64_t seen_us;
	uint64_t bad;
	struct log_limit limit;
};

enum { DIAGNOSIS_TEXT_BYTES = 400 };

/* What was concluded last of what is ours: a client's server, a server's target.  Strangers can be the cause of none. */
struct diagnosis_said {
	uint64_t us;
	bool of_targets; /* until one serves, and it is the first */
	char text[DIAGNOSIS_TEXT_BYTES];
};

/* Zeroed to begin with. */
struct diagnosis {
	struct diagnosis_said said;
	struct diagnosis_peer peers[DIAGNOSIS_PEERS];
	unsigned peer_count;
	struct log_limit silence, barren, replay;
	struct log_limit targets[CONF_ADDRS_MAX];
	bool target_told[CONF_ADDRS_MAX]; /* that it failed; and not yet that it answers again */
	unsigned barren_count;
	struct log_quota lines;
};

/* A datagram failed its checksum, and no good one ever came from there.
 * `path` is NULL on a client, whose peer `peer` names. */
void diagnosis_bad_packet(struct tunnel *t, const struct udp_path *path, const char *peer);
/* Called at each pump of a link: has anything ever come back? */
void diagnosis_silence(struct link *l);
/* Likewise: does something stand beyond a hole, for lack of datagrams that are too long for the path? */
void diagnosis_hole(struct link *l);
/* A link has ended by itself. */
void diagnosis_link_end(struct link *l);
/* A stream has ended.  Bytes from the near socket to the far end, and back;
 * `far_first`: the far end closed first. */
void diagnosis_stream(struct link *l, uint64_t sent, uint64_t received, bool far_first);
/* A stream was reset for the bytes that it held. */
void diagnosis_given_up(const struct relay *relay, size_t held);
/* A datagram from there would have opened a session, but had come before. */
void diagnosis_replay(struct tunnel *t, const struct udp_path *path);
/* No session to the server could be made; the log was told. */
void diagnosis_no_session(struct tunnel *t, const char *why);
/* Its stream could not be connected to target i; `others`: there are some that it may get yet. */
void diagnosis_target(const struct relay *relay, unsigned i, const char *error, bool others);
/* Nor to any other: of each t->targets knows why. */
void diagnosis_no_target(struct tunnel *t);
/* Target i took a stream; `again`: the last one it did not take. */
void diagnosis_target_serves(struct tunnel *t, unsigned i, bool again);
/* They are others now. */
void diagnosis_targets_changed(struct tunnel *t);

#endif
