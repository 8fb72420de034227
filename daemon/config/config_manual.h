/* config_manual.h - what the manual says of each key beyond the table of keys.
 *
 * Text is plain, but for `words` of the file in backquotes.  A sentence ends with ". ". */
#ifndef KT_CONFIG_MANUAL_H
#define KT_CONFIG_MANUAL_H

#include <stddef.h>

#include "config_impl.h"

struct conf_manual {
	const char *example; /* for the sample where there is no default, or NULL */
	const char *note;    /* what someone who edits the file must know, or NULL */
	const char *text;    /* the rest, for the manual alone, or NULL */
};
extern const struct conf_manual conf_manuals[KEY_COUNT];

/* Headings: each stands before its first key and holds up to the next. */
struct conf_group {
	enum conf_id first;
	const char *title;
};
extern const struct conf_group conf_groups[];
extern const size_t conf_group_count;

#endif
