/* row.c - a JSON object under construction. */
#include "row.h"

#include <math.h>

struct row row_begin(void)
{
	json_t *o = json_object();

	return (struct row){ .o = o, .failed = o == NULL };
}

json_t *row_end(struct row *r)
{
	if (!r->failed)
		return r->o;
	json_decref(r->o);
	return NULL;
}

void row_put(struct row *r, const char *key, json_t *value)
{
	if (json_object_set_new_nocheck(r->o, key, value) != 0)
		r->failed = true;
}

void row_str(struct row *r, const char *key, const char *value)
{
	json_t *s = json_string(value);

	row_put(r, key, s != NULL ? s : json_string("(not UTF-8)"));
}

void row_int(struct row *r, const char *key, uint64_t value)
{
	row_put(r, key, json_integer((json_int_t)value));
}

void row_real(struct row *r, const char *key, double value)
{
	row_put(r, key, isfinite(value) ? json_real(value) : json_null());
}

void row_text_or_null(struct row *r, const char *key, const char *value)
{
	if (value != NULL)
		row_str(r, key, value);
	else
		row_put(r, key, json_null());
}
