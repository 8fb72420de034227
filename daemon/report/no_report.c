/* no_report.c - what stands for the control socket and the metrics in a build without jansson, whose
 * configurations ask for neither. */
#include <assert.h>

#include "control.h"
#include "metrics.h"

struct control *control_new(const struct report_source *src, const struct control_ops *ops)
{
	return NULL;
}

bool control_move(struct control *c, const char *path, char why[static CONTROL_WHY_BYTES],
		  bool *without)
{
	assert(path == NULL);
	return true;
}

void control_free(struct control *c)
{
}

struct metrics *metrics_new(const struct report_source *src)
{
	return NULL;
}

bool metrics_start(struct metrics *m, const struct conf_addr *at, metrics_ready_fn *ready, void *user)
{
	assert(at->text == NULL);
	return true;
}

void metrics_move(struct metrics *m, const struct conf_addr *at, metrics_moved_fn *moved, void *user)
{
	assert(at->text == NULL);
	moved(user, NULL);
}

void metrics_cancel_move(struct metrics *m)
{
}

void metrics_free(struct metrics *m)
{
}
