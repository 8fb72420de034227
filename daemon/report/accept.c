/* accept.c - which form of an answer an HTTP client prefers. */
#include "accept.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct slice {
	const char *p;
	size_t n;
};

/* Up to the separator, which is taken off as well. */
static struct slice cut(struct slice *rest, char separator)
{
	const char *end = memchr(rest->p, separator, rest->n);
	struct slice part = { rest->p, end != NULL ? (size_t)(end - rest->p) : rest->n };
	size_t taken = part.n + (end != NULL);

	rest->p += taken;
	rest->n -= taken;
	return part;
}

static struct slice trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && strchr(" \t\r", s.p[s.n - 1]) != NULL)
		s.n--;
	return s;
}

static bool is(struct slice s, const char *word)
{
	return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

/* "0.125" is 125; what is no such number counts as 0, and as 1 what is above. */
static unsigned thousandths(struct slice s)
{
	unsigned value = 0, unit = 1000;

	for (size_t i = 0; i < s.n && unit > 0; i++) {
		if (s.p[i] == '.' && i == 1)
			continue;
		if (s.p[i] < '0' || s.p[i] > '9' || i == 1)
			return 0;
		value += (unsigned)(s.p[i] - '0') * unit;
		unit /= 10;
	}
	return value < 1000 ? value : 1000;
}

/* Of one range: "text/plain; version=0.0.4; q=0.3". */
static unsigned quality(struct slice range, const char *type)
{
	unsigned q = 1000;

	if (!is(trim(cut(&range, ';')), type))
		return 0;
	while (range.n > 0) {
		struct slice value = cut(&range, ';'), name = cut(&value, '=');

		if (is(trim(name), "q"))
			q = thousandths(trim(value));
	}
	return q;
}

unsigned accept_quality(const char *request, size_t n, const char *type)
{
	struct slice rest = { request, n };
	unsigned best = 0;

	while (rest.n > 0) {
		struct slice value = cut(&rest, '\n'), name = cut(&value, ':');

		if (!is(name, "accept"))
			continue;
		while (value.n > 0) {
			unsigned q = quality(cut(&value, ','), type);

			best = q > best ? q : best;
		}
	}
	return best;
}
