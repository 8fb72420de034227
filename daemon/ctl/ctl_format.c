/* ctl_format.c - numbers as people read them. */
#include "ctl_format.h"

#include <math.h>
#include <stdio.h>

static const char *unknown(ctl_text out)
{
	snprintf(out, CTL_TEXT_BYTES, "-");
	return out;
}

/* Three digits that count, with one of `units` behind them. */
static const char *scaled(ctl_text out, double v, double step, const char *const *units,
			  const char *end)
{
	int i = 0;

	if (!isfinite(v))
		return unknown(out);
	while (v >= 999.5 && units[i + 1] != NULL) {
		v /= step;
		i++;
	}
	snprintf(out, CTL_TEXT_BYTES, "%.*f%s%s", i == 0 || v >= 99.95 ? 0 : 1, v, units[i], end);
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
