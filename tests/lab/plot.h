/* plot.h - a picture of a trace, drawn by gnuplot: rates, queue, in flight and loss over time. */
#ifndef KT_LAB_PLOT_H
#define KT_LAB_PLOT_H

#include <stdbool.h>

#include "trace.h"

/* Into `file`, a PNG.  False when that did not work; the reason is on stderr. */
bool plot_write(const struct trace *t, const char *title, const char *file);

#endif
