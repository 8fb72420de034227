/* ctl_top_draw.h - the page of the live view. */
#ifndef KT_CTL_TOP_DRAW_H
#define KT_CTL_TOP_DRAW_H

#include <stdbool.h>

#include "ctl_top_model.h"

struct top_page {
	bool utf8, colour;
	bool paused;
	bool keys; /* what they do is shown, over the middle of the page */
	double interval_s;
	const char *trouble; /* why nothing new comes, or NULL */
	size_t scroll;       /* sessions that are above the page */
};

/* Colours and the like; after initscr(). */
void top_draw_init(struct top_page *p);
/* Draw the whole page; keeps p->scroll within the sessions. */
void top_draw(struct top_page *p, const struct top_model *m);

#endif
