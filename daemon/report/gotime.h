/* gotime.h - a moment written in a layout of Go's package time.
 *
 * A layout shows how the moment Mon Jan 2 15:04:05 2006, seven hours west of Greenwich,
 * would be written: "20060102" is a date, "15:04" a time.  Whatever is none of Go's
 * elements stands for itself. */
#ifndef KT_GOTIME_H
#define KT_GOTIME_H

#include <stddef.h>
#include <time.h>

/* Write `tm`, as localtime_r() made it, and nsec (0..999999999) of its second into `out`, NUL
 * behind it.  Months and days are English.  The length, or `cap` (> 0) when there is no room for
 * all; then `out` is the empty string. */
size_t gotime_format(char *out, size_t cap, const char *layout, const struct tm *tm, long nsec);

#endif
