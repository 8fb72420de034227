/* no_report.c - what stands for the control socket and the metrics in a build without jansson. */
#include <assert.h>

#include "control.h"
#include "log.h"
#include "metrics.h"

struct control *control_new(const char *path, const struct report_source *src,
			    const struct control_ops *ops, bool *without)
{
	log_debug(NULL, "no control socket: this kcptund was built without jansson");
	*without = true;
	return NULL;
}

void control_free(struct control *c)
{
}

/* The configuration that asks for it is refused. */
struct metrics *metrics_new(const struct conf_addr *at, const struct report_source *src,
			    metrics_ready_fn *ready, void *user)
{
	assert(at->text == NULL);
	return NULL;
}

void metrics_free(struct metrics *m)
{
}
