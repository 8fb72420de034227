/* counters.c - the list of counters as a table, and sums over it. */
#include "counters.h"

#include <string.h>

#include "wire.h"

const struct counter_info counter_infos[] = {
#define X(field, name, kind, help) { name, help, kind, offsetof(struct counters, field) },
	KT_COUNTERS(X)
#undef X
};

const size_t counter_count = ARRAY_LEN(counter_infos);

#define X(field, name, kind, help) +1
const size_t counter_count_kcptun = 0 KT_COUNTERS_KCPTUN(X);
#undef X

uint64_t counters_get(const struct counters *c, size_t i)
{
	uint64_t value;

	memcpy(&value, (const char *)c + counter_infos[i].offset, sizeof(value));
	return value;
}

void counters_add(struct counters *sum, const struct counters *c)
{
#define X(field, name, kind, help) sum->field += c->field;
	KT_COUNTERS(X)
#undef X
}

void counters_retire(struct counters *sum, const struct counters *c)
{
#define X(field, name, kind, help) sum->field += kind == COUNTER ? c->field : 0;
	KT_COUNTERS(X)
#undef X
}
