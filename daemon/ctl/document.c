/* document.c - looking into the daemon's documents. */
#include "ctl_show.h"

#include <math.h>
#include <string.h>

double ctl_number(const json_t *row, const char *key)
{
	const json_t *v = json_object_get(row, key);

	return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

double ctl_number_in(const json_t *row, const char *object, const char *key)
{
	return ctl_number(json_object_get(row, object), key);
}

const char *ctl_string(const json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));

	return s != NULL ? s : "";
}

const json_t *ctl_same_row(const json_t *rows, const json_t *row, const char *key)
{
	const char *name = ctl_string(row, key);
	size_t i;
	json_t *other;

	json_array_foreach(rows, i, other)
		if (strcmp(ctl_string(other, key), name) == 0)
			return other;
	return NULL;
}

void ctl_counters(const json_t *row, struct counters *out)
{
	const json_t *from = json_object_get(row, "counters");

	for (size_t i = 0; i < counter_count; i++) {
		json_int_t n = json_integer_value(json_object_get(from, counter_infos[i].name));
		uint64_t value = n > 0 ? (uint64_t)n : 0;

		memcpy((char *)out + counter_infos[i].offset, &value, sizeof(value));
	}
}

void ctl_counters_since(const struct counters *now, const struct counters *before, struct counters *out)
{
	/* less than before: they were set to zero in between */
#define X(field, name, kind, help) \
	out->field = kind == COUNTER && now->field >= before->field ? now->field - before->field \
								    : now->field;
	KT_COUNTERS(X)
#undef X
}

double ctl_seconds_between(const json_t *now, const json_t *before)
{
	double seconds = (ctl_number(now, "monotonic_us") - ctl_number(before, "monotonic_us")) * 1e-6;
	double older = ctl_number(now, "uptime_s") - ctl_number(before, "uptime_s");

	/* Another daemon began its life at another time. */
	return seconds > 0 && fabs(seconds - older) < 0.5 ? seconds : (double)NAN;
}
