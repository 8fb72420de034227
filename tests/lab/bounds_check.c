/* bounds_check.c - whether the figures are within their bounds. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "links.h"

enum { SEEDS_MAX = 64 };

static const char *beside(const struct spec *s)
{
	static char text[64];

	text[0] = '\0';
	if (s->rival != NULL)
		snprintf(text, sizeof(text), " beside %u %s", s->rivals > 0 ? s->rivals : 1, s->rival);
	return text;
}

/* A figure that is not there is not within any bounds. */
static bool report(const struct bound *b, const struct limit *l, const struct figures *runs,
		   unsigned seeds)
{
	double least = INFINITY, most = -INFINITY;
	bool good = true;

	for (unsigned i = 0; i < seeds; i++) {
		double v = runs[i].v[l->figure];

		good &= runs[i].good && v >= l->least && v <= l->most;
		least = fmin(least, v);
		most = fmax(most, v);
	}
	printf("%s %s %s %s%s%s: %s %g .. %g, wanted", good ? "ok" : "not ok", b->link, b->config,
	       experiment_kinds[b->spec.kind],
	       b->spec.up     ? " up"
	       : b->spec.both ? " both"
			      : "",
	       beside(&b->spec), figure_infos[l->figure].name, least, most);
	if (isfinite(l->least))
		printf(" >= %g", l->least);
	if (isfinite(l->most))
		printf(" <= %g", l->most);
	putchar('\n');
	fflush(stdout);
	return good;
}

static bool check(const struct bound *b, uint64_t seed, unsigned seeds)
{
	struct figures runs[SEEDS_MAX];
	struct spec spec = b->spec;
	char why[LINK_WHY_MAX];
	bool good = true;

	spec.config = config_find(b->config);
	spec.link_name = b->link;
	if (spec.config == NULL || !link_parse(b->link, spec.link, why)) {
		printf("not ok %s %s: no such link or configuration\n", b->link, b->config);
		return false;
	}
	seeds = seeds < SEEDS_MAX ? seeds : SEEDS_MAX;
	for (unsigned i = 0; i < seeds; i++) {
		spec.seed = seed + i;
		experiment_run(&spec, &runs[i]);
		if (!runs[i].good)
			printf("not ok %s %s --seed %u: %s\n", b->link, b->config,
			       (unsigned)spec.seed, runs[i].why);
	}
	for (const struct limit *l = b->limits; l < b->limits + LIMITS_MAX && l->set; l++)
		good &= report(b, l, runs, seeds);
	return good;
}

static bool wanted(const char *filter, const char *name)
{
	return filter == NULL || strcmp(filter, name) == 0;
}

bool bounds_check(const char *link, const char *config, uint64_t seed, unsigned seeds)
{
	bool good = true;

	for (size_t i = 0; i < bound_count; i++)
		if (wanted(link, bounds[i].link) && wanted(config, bounds[i].config))
			good &= check(&bounds[i], seed, seeds);
	return good;
}
