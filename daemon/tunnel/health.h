/* health.h - how a tunnel is, in a word and a sentence: for people, and for what watches it for them. */
#ifndef KT_HEALTH_H
#define KT_HEALTH_H

struct tunnel;

enum health_state {
	HEALTH_WELL,
	HEALTH_DEGRADED, /* it works, or may soon, and something is not as it should be */
	HEALTH_DOWN,     /* no connection gets through */
	HEALTH_STATES,
};

/* "well", "degraded", "down" */
extern const char *const health_words[HEALTH_STATES];

enum { HEALTH_TEXT_BYTES = 512 };

/* "2 sessions, last heard 0.3 s ago", "connecting for 40 s: no answer", "failed: ...", "draining: 2 streams left"; with what was concluded about the
 * peer or the target within the last minute or so. */
enum health_state health_look(const struct tunnel *t, char text[static HEALTH_TEXT_BYTES]);

#endif
