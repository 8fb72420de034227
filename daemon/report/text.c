/* text.c - a growing buffer of text. */
#include "text.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 1024 };

static bool make_room(struct text *t, size_t n)
{
	size_t cap = t->cap > 0 ? t->cap : FIRST_BYTES;
	char *p;

	if (t->failed || n > SIZE_MAX / 4 - t->len) {
		t->failed = true;
		return false;
	}
	while (cap < t->len + n + 1)
		cap *= 2;
	if (cap == t->cap)
		return true;
	p = realloc(t->p, cap);
	if (p == NULL) {
		t->failed = true;
		return false;
	}
	t->p = p;
	t->cap = cap;
	return true;
}

void text_add(struct text *t, const char *bytes, size_t n)
{
	if (!make_room(t, n))
		return;
	memcpy(t->p + t->len, bytes, n);
	t->len += n;
	t->p[t->len] = '\0';
}

void text_str(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

void text_printf(struct text *t, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	if (n < 0) {
		t->failed = true;
	} else if (make_room(t, (size_t)n)) {
		vsnprintf(t->p + t->len, (size_t)n + 1, fmt, again);
		t->len += (size_t)n;
	}
	va_end(again);
	va_end(ap);
}

static int add_piece(const char *piece, size_t n, void *user)
{
	struct text *t = user;

	text_add(t, piece, n);
	return t->failed ? -1 : 0;
}

void text_json(struct text *t, const json_t *value)
{
	const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12);

	if (value == NULL || json_dump_callback(value, add_piece, t, flags) != 0)
		t->failed = true;
}

void text_clear(struct text *t)
{
	t->len = 0;
	t->failed = false;
}

void text_dispose(struct text *t)
{
	free(t->p);
	*t = (struct text){ 0 };
}
