/* configs.h - named configurations of a tunnel, as the daemon would make them. */
#ifndef KT_LAB_CONFIGS_H
#define KT_LAB_CONFIGS_H

#include "session.h"

struct config {
	const char *name, *what;
	const char *mode; /* "fast", "fast2", "fast3": what the daemon makes of these */
	uint32_t wnd;     /* both windows at both ends; 0: kcptun's defaults */
	unsigned data_shards, parity_shards;
	unsigned conn; /* sessions per tunnel */
	bool model;
	bool shared; /* the sessions of an end share a path, and streams are spread over them */
	const char *server;          /* the server's end is configured so; NULL: as the client's */
	uint32_t streambuf, smuxbuf; /* 0: the defaults */
};

extern const struct config configs[];
extern const size_t config_count;
const struct config *config_find(const char *name);

/* The session's configuration of one end; what is borrowed (pool, scratch) is the caller's to
 * fill in. */
void config_session(const struct config *c, const char *crypt, bool client, uint32_t conv,
		    struct session_config *out);

#endif
