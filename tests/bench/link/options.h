/* options.h - linkrelay's command line. */
#ifndef LINKRELAY_OPTIONS_H
#define LINKRELAY_OPTIONS_H

#include <stdint.h>
#include <sys/socket.h>

#include "link.h"

struct endpoint {
	const char *text; /* as it was given */
	struct sockaddr_storage addr;
	socklen_t len;
};

struct options {
	struct endpoint listen, to;
	struct link_params link[2]; /* up, down */
	uint64_t seed;
};

/* Ends the program with words and code 2 when the arguments are wrong, and with 0 when they asked
 * for help only. */
void options_parse(struct options *o, int argc, char **argv);

#endif
