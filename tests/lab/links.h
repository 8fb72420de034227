/* links.h - links that have a name, and changes to them. */
#ifndef KT_LAB_LINKS_H
#define KT_LAB_LINKS_H

#include <stdbool.h>
#include <stddef.h>

#include "link.h"

/* `link` is written as on the command line: KEY=VALUE, with commas between them. */
struct named_link {
	const char *name, *link, *what;
};
extern const struct named_link named_links[];
extern const size_t named_link_count;

enum { LINK_WHY_MAX = 160 };

/* "NAME[,KEY=VALUE...]" into both directions.  A key may have "up." or "down." before it, for one
 * direction.  False: `why` says why not. */
bool link_parse(const char *text, struct link_params params[2], char why[LINK_WHY_MAX]);
/* The links, a line each. */
void link_print_names(void);
/* The keys, a line each, for --help. */
void link_print_keys(void);

#endif
