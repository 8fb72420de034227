/* settings.h - a list of keys and values on its way to config_from_settings(). */
#ifndef KT_SETTINGS_H
#define KT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

/* Initialise with zeros.  Each key is there at most once. */
struct settings {
	struct conf_setting *items; /* the strings are owned */
	size_t count;
	bool failed; /* out of memory: something is missing */

	/* Of what is put in from now on: the file that it is from, borrowed as long as the list lives, and its
	 * line there; 0: from none. */
	const char *where;
	int line;
};

/* Put a copy in, in place of an earlier value of that key. */
void settings_set(struct settings *s, const char *key, const char *value);
/* True: it was there. */
bool settings_drop(struct settings *s, const char *key);
/* NULL: not given. */
const char *settings_get(const struct settings *s, const char *key);
/* The same with where it is from. */
const struct conf_setting *settings_find(const struct settings *s, const char *key);
/* Values are wiped: one may be a secret.  Leaves an empty list. */
void settings_dispose(struct settings *s);

#endif
