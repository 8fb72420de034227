/* no_report.c - what stands for the control socket and the metrics in a build without jansson, whose
 * configurations ask for neither. */
#include <assert.h>

#include "control.h"
#include "metrics.h"

struct control *control_new(const char *path, const struct report_source *src,
			    const struct control_ops *ops, bool *without)
{
	assert(path == NULL);
	return NULL;
}

void control_free(struct control *c)
{
}

struct metrics *metrics_new(const struct conf_addr *at, const struct report_source *src,
			    metrics_ready_fn *ready, void *user)
{
	assert(at->text == NULL);
	return NULL;
}

void metrics_free(struct metrics *m)
{
}
