/* diff.c - in which keys two tunnels' configurations differ, and what that takes. */
#include "config_impl.h"

#include <stdlib.h>
#include <string.h>

const char *conf_key_name(size_t i)
{
	return conf_rows[i].name;
}

enum conf_reach conf_key_reach(size_t i)
{
	return conf_rows[i].reach;
}

/* A value as the table prints it; NULL when out of memory. */
static char *printed(const struct conf_row *row, const struct conf_tunnel *t)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	if (out == NULL)
		return NULL;
	row->type->print(row, t, out);
	fclose(out);
	return text;
}

static bool same_key(const struct conf_tunnel *a, const struct conf_tunnel *b)
{
	return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

bool conf_tunnel_key_equal(const struct conf_tunnel *a, const struct conf_tunnel *b, size_t i)
{
	const struct conf_row *row = &conf_rows[i];
	char *text_a, *text_b;
	bool equal;

	if ((row->where & conf_where(a->role)) == 0)
		return true; /* not of this kind of tunnel */
	if (i == KEY_KEYFILE)
		return true; /* the key that it holds tells */
	if (i == KEY_KEY)
		return same_key(a, b);
	text_a = printed(row, a);
	text_b = printed(row, b);
	equal = text_a != NULL && text_b != NULL && strcmp(text_a, text_b) == 0;
	free(text_a);
	free(text_b);
	return equal;
}
