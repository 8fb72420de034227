/* text.h - a growing buffer of text. */
#ifndef KT_TEXT_H
#define KT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct json_t;

/* Zeroed to begin with.  Out of memory is remembered, not told at each call. */
struct text {
	char *p;
	size_t len, cap;
	bool failed; /* something is missing */
};

void text_add(struct text *t, const char *bytes, size_t n);
void text_str(struct text *t, const char *s);
void text_printf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A JSON value on one line; NULL counts as out of memory. */
void text_json(struct text *t, const struct json_t *value);
void text_clear(struct text *t); /* keeps the memory */
void text_dispose(struct text *t);

#endif
