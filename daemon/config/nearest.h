/* nearest.h - which name somebody meant who wrote another. */
#ifndef KT_NEAREST_H
#define KT_NEAREST_H

#include <stddef.h>

/* The best match for a misspelt name among `names`, or NULL when nothing is near. */
const char *conf_nearest(const char *name, const char *const *names, size_t count);

#endif
