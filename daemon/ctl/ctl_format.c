/* ctl_format.c - numbers as people read them. */
#include "ctl_format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *unknown(ctl_text out)
{
	snprintf(out, CTL_TEXT_BYTES, "-");
	return out;
}

/* The unit in which there are at most three digits before the point. */
static int unit_of(double v, double step, const char *const *units)
{
	int i = 0;

	for (; v >= 999.5 && units[i + 1] != NULL; i++)
		v /= step;
	return i;
}

/* Three digits that count. */
static const char *in_unit(ctl_text out, double v, double step, int unit)
{
	if (!isfinite(v))
		return unknown(out);
	for (int i = 0; i < unit; i++)
		v /= step;
	snprintf(out, CTL_TEXT_BYTES, "%.*f", unit == 0 || v >= 99.95 ? 0 : 1, v);
	return out;
}

/* With one of `units` behind it. */
static const char *scaled(ctl_text out, double v, double step, const char *const *units,
			  const char *end)
{
	int unit = isfinite(v) ? unit_of(v, step, units) : 0;
	size_t n = strlen(in_unit(out, v, step, unit));

	if (isfinite(v))
		snprintf(out + n, CTL_TEXT_BYTES - n, "%s%s", units[unit], end);
	return out;
}

static const char *const binary[] = { " B", " KiB", " MiB", " GiB", " TiB", " PiB", NULL };
static const char *const decimal[] = { "", " k", " M", " G", " T", NULL };

const char *ctl_bytes(ctl_text out, double bytes)
{
	return scaled(out, bytes, 1024, binary, "");
}

const char *ctl_rate(ctl_text out, double bytes_s)
{
	return scaled(out, bytes_s, 1024, binary, "/s");
}

const char *ctl_count(ctl_text out, double n)
{
	if (isfinite(n) && n < 1e6) {
		snprintf(out, CTL_TEXT_BYTES, "%.0f", n);
		return out;
	}
	return scaled(out, n, 1000, decimal, "");
}

const char *ctl_per_second(ctl_text out, double n)
{
	if (!isfinite(n) || n == 0 || n >= 9.95)
		return ctl_count(out, n);
	snprintf(out, CTL_TEXT_BYTES, "%.1f", n);
	return out;
}

const char *ctl_ms(ctl_text out, double ms)
{
	if (!isfinite(ms))
		return unknown(out);
	if (ms >= 1000)
		snprintf(out, CTL_TEXT_BYTES, "%.2f s", ms / 1000);
	else
		snprintf(out, CTL_TEXT_BYTES, "%.*f ms", ms < 9.95 ? 1 : 0, ms);
	return out;
}

const char *ctl_age(ctl_text out, double seconds)
{
	unsigned long s;

	if (!isfinite(seconds) || seconds < 0)
		return unknown(out);
	s = (unsigned long)seconds;
	if (s < 60)
		snprintf(out, CTL_TEXT_BYTES, "%lus", s);
	else if (s < 3600)
		snprintf(out, CTL_TEXT_BYTES, "%lum%lus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, CTL_TEXT_BYTES, "%luh%lum", s / 3600, s / 60 % 60);
	else
		snprintf(out, CTL_TEXT_BYTES, "%lud%luh", s / 86400, s / 3600 % 24);
	return out;
}

const char *ctl_share(ctl_text out, double share)
{
	if (!isfinite(share))
		return unknown(out);
	snprintf(out, CTL_TEXT_BYTES, "%.*f %%", share < 0.0995 ? 2 : 1, share * 100);
	return out;
}

const char *ctl_ratio(ctl_text out, double ratio)
{
	if (!isfinite(ratio))
		return unknown(out);
	snprintf(out, CTL_TEXT_BYTES, "%.2f", ratio);
	return out;
}

/* ---- two in one unit -------------------------------------------------------------- */

/* NAN only if both are. */
static double more_of(double a, double b)
{
	return isnan(b) || a > b ? a : b;
}

/* What does not fit was no number of this world. */
static const char *both(ctl_text out, const char *a, const char *b, const char *unit)
{
	snprintf(out, CTL_TEXT_BYTES, "%.10s/%.10s%.6s", a, b, unit);
	return out;
}

const char *ctl_two_rates(ctl_text out, double a, double b)
{
	double more = more_of(a, b);
	int unit = isfinite(more) ? unit_of(more, 1024, binary) : 0;
	ctl_text first, second, end;

	if (!isfinite(more))
		return unknown(out);
	snprintf(end, sizeof(end), "%s/s", binary[unit]);
	return both(out, in_unit(first, a, 1024, unit), in_unit(second, b, 1024, unit), end);
}

static const char *plain(ctl_text out, double v, int digits)
{
	if (!isfinite(v))
		return unknown(out);
	snprintf(out, CTL_TEXT_BYTES, "%.*f", digits, v);
	return out;
}

const char *ctl_two_ms(ctl_text out, double a, double b)
{
	double more = more_of(a, b);
	ctl_text first, second;

	if (!isfinite(more))
		return unknown(out);
	if (more >= 1000)
		return both(out, plain(first, a / 1000, 2), plain(second, b / 1000, 2), " s");
	return both(out, plain(first, a, a < 9.95), plain(second, b, b < 9.95), " ms");
}

const char *ctl_two_shares(ctl_text out, double a, double b)
{
	ctl_text first, second;

	if (!isfinite(more_of(a, b)))
		return unknown(out);
	return both(out, plain(first, a * 100, a < 0.0995 ? 2 : 1),
		    plain(second, b * 100, b < 0.0995 ? 2 : 1), " %");
}

const char *ctl_limit(const char *word)
{
	return strcmp(word, "peer-window") == 0 ? "peer's window" : word;
}
