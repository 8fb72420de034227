/* gotime.c - a moment written in a layout of Go's package time. */
#include "gotime.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "wire.h"

/* ---- elements ------------------------------------------------------------------------ */

/* What an element shows. */
enum value {
	YEAR,
	YEAR_OF_CENTURY,
	MONTH,
	MONTH_NAME,
	MONTH_ABBREVIATED,
	DAY,
	DAY_OF_YEAR,
	WEEKDAY_NAME,
	WEEKDAY_ABBREVIATED,
	HOUR,
	HOUR_OF_TWELVE,
	MINUTE,
	SECOND,
	NOON_UPPER,
	NOON_LOWER,
	ZONE_NAME,
	ZONE_OFFSET,
	ZONE_OFFSET_OR_Z,
};

struct element {
	const char *text; /* as it stands in a layout */
	enum value value;
	char pad; /* of numbers, to the length of `text`; '\0': no padding */
};

/* Where several fit, the first one holds: longer ones stand before their beginnings. */
static const struct element elements[] = {
	{ "2006", YEAR, '0' },
	{ "06", YEAR_OF_CENTURY, '0' },
	{ "January", MONTH_NAME, '\0' },
	{ "Jan", MONTH_ABBREVIATED, '\0' },
	{ "01", MONTH, '0' },
	{ "Monday", WEEKDAY_NAME, '\0' },
	{ "Mon", WEEKDAY_ABBREVIATED, '\0' },
	{ "MST", ZONE_NAME, '\0' },
	{ "002", DAY_OF_YEAR, '0' },
	{ "__2", DAY_OF_YEAR, ' ' },
	{ "02", DAY, '0' },
	{ "_2", DAY, ' ' },
	{ "2", DAY, '\0' },
	{ "15", HOUR, '0' },
	{ "1", MONTH, '\0' },
	{ "03", HOUR_OF_TWELVE, '0' },
	{ "3", HOUR_OF_TWELVE, '\0' },
	{ "04", MINUTE, '0' },
	{ "4", MINUTE, '\0' },
	{ "05", SECOND, '0' },
	{ "5", SECOND, '\0' },
	{ "PM", NOON_UPPER, '\0' },
	{ "pm", NOON_LOWER, '\0' },
	{ "-07:00:00", ZONE_OFFSET, '\0' },
	{ "-070000", ZONE_OFFSET, '\0' },
	{ "-07:00", ZONE_OFFSET, '\0' },
	{ "-0700", ZONE_OFFSET, '\0' },
	{ "-07", ZONE_OFFSET, '\0' },
	{ "Z07:00:00", ZONE_OFFSET_OR_Z, '\0' },
	{ "Z070000", ZONE_OFFSET_OR_Z, '\0' },
	{ "Z07:00", ZONE_OFFSET_OR_Z, '\0' },
	{ "Z0700", ZONE_OFFSET_OR_Z, '\0' },
	{ "Z07", ZONE_OFFSET_OR_Z, '\0' },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "Jan" in "Janet" and "Mon" in "Month" are no elements; "MST" always is. */
static bool is_part_of_word(const struct element *e, const char *at)
{
	char next = at[strlen(e->text)];

	return (e->value == MONTH_ABBREVIATED || e->value == WEEKDAY_ABBREVIATED) && next >= 'a' &&
	       next <= 'z';
}

static const struct element *element_at(const char *at)
{
	for (size_t i = 0; i < ARRAY_LEN(elements); i++) {
		const struct element *e = &elements[i];

		if (strncmp(at, e->text, strlen(e->text)) == 0 && !is_part_of_word(e, at))
			return e;
	}
	return NULL;
}

/* ".000" and ",999": a separator and any number of one of these digits, no digit behind
 * them.  Returns that number, 0 when it is no fraction. */
static size_t fraction_at(const char *at)
{
	size_t digits;

	if ((at[0] != '.' && at[0] != ',') || (at[1] != '0' && at[1] != '9'))
		return 0;
	digits = strspn(at + 1, at[1] == '0' ? "0" : "9");
	return is_digit(at[1 + digits]) ? 0 : digits;
}

/* ---- writing ------------------------------------------------------------------------- */

struct writer {
	char *out;
	size_t len, cap;
	bool full;
	const struct tm *tm;
	long nsec;
};

static void put(struct writer *w, const char *text, size_t n)
{
	if (w->full || n >= w->cap - w->len) {
		w->full = true;
		return;
	}
	memcpy(w->out + w->len, text, n);
	w->len += n;
}

static void put_text(struct writer *w, const char *text)
{
	put(w, text, strlen(text));
}

static void put_number(struct writer *w, int64_t value, size_t width, char pad)
{
	enum { WIDEST = 9 };
	char text[32];
	int digits = width < WIDEST ? (int)width : WIDEST; /* no element is wider */

	if (pad == '0')
		snprintf(text, sizeof(text), "%0*lld", digits, (long long)value);
	else
		snprintf(text, sizeof(text), "%*lld", pad == ' ' ? digits : 0, (long long)value);
	put_text(w, text);
}

/* How much of the offset is shown follows from the element: hours, minutes, seconds. */
static void put_offset(struct writer *w, const char *element)
{
	long offset = w->tm->tm_gmtoff, seconds = offset < 0 ? -offset : offset;
	const char *colon = strchr(element, ':') != NULL ? ":" : "";
	size_t digits = strlen(element) - 1 - (*colon != '\0' ? (strlen(element) - 3) / 3 : 0);
	char text[48];

	snprintf(text, sizeof(text), "%c%02ld%s%02ld%s%02ld", offset < 0 ? '-' : '+',
		 seconds / 3600, colon, seconds / 60 % 60, colon, seconds % 60);
	put(w, text, 1 + digits + (digits / 2 - 1) * strlen(colon));
}

static void put_zone_name(struct writer *w)
{
	if (w->tm->tm_zone != NULL && w->tm->tm_zone[0] != '\0')
		put_text(w, w->tm->tm_zone);
	else
		put_offset(w, "-0700");
}

/* Zeros show so many digits always, nines without the zeros at the end. */
static void put_fraction(struct writer *w, const char *element, size_t digits)
{
	char text[16];
	size_t n = digits < 9 ? digits : 9;

	snprintf(text, sizeof(text), "%c%09ld", element[0], w->nsec % 1000000000);
	if (element[1] == '9') {
		while (n > 0 && text[n] == '0')
			n--;
		if (n == 0)
			return;
	}
	put(w, text, 1 + n);
}

static void put_name(struct writer *w, const char *const *names, size_t count, int i, size_t max)
{
	const char *name = i >= 0 && (size_t)i < count ? names[i] : "?";

	put(w, name, strnlen(name, max));
}

static void put_names(struct writer *w, const struct element *e)
{
	static const char *const months[] = {
		"January", "February", "March",     "April",   "May",      "June",
		"July",    "August",   "September", "October", "November", "December",
	};
	static const char *const weekdays[] = {
		"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
	};
	bool whole = e->value == MONTH_NAME || e->value == WEEKDAY_NAME;

	if (e->value == MONTH_NAME || e->value == MONTH_ABBREVIATED)
		put_name(w, months, ARRAY_LEN(months), w->tm->tm_mon, whole ? 16 : 3);
	else
		put_name(w, weekdays, ARRAY_LEN(weekdays), w->tm->tm_wday, whole ? 16 : 3);
}

static int64_t number_of(const struct tm *tm, enum value value)
{
	switch (value) {
	case YEAR:
		return (int64_t)tm->tm_year + 1900;
	case YEAR_OF_CENTURY:
		return ((int64_t)tm->tm_year + 1900) % 100;
	case MONTH:
		return tm->tm_mon + 1;
	case DAY:
		return tm->tm_mday;
	case DAY_OF_YEAR:
		return tm->tm_yday + 1;
	case HOUR:
		return tm->tm_hour;
	case HOUR_OF_TWELVE:
		return (tm->tm_hour + 11) % 12 + 1;
	case MINUTE:
		return tm->tm_min;
	default:
		return tm->tm_sec;
	}
}

static void put_element(struct writer *w, const struct element *e)
{
	switch (e->value) {
	case MONTH_NAME:
	case MONTH_ABBREVIATED:
	case WEEKDAY_NAME:
	case WEEKDAY_ABBREVIATED:
		put_names(w, e);
		break;
	case NOON_UPPER:
		put_text(w, w->tm->tm_hour >= 12 ? "PM" : "AM");
		break;
	case NOON_LOWER:
		put_text(w, w->tm->tm_hour >= 12 ? "pm" : "am");
		break;
	case ZONE_NAME:
		put_zone_name(w);
		break;
	case ZONE_OFFSET_OR_Z:
		if (w->tm->tm_gmtoff == 0) {
			put_text(w, "Z");
			break;
		}
		/* fall through */
	case ZONE_OFFSET:
		put_offset(w, e->text);
		break;
	default:
		put_number(w, number_of(w->tm, e->value), strlen(e->text), e->pad);
		break;
	}
}

/* One element or one character of the layout; how long it is there. */
static size_t put_next(struct writer *w, const char *at)
{
	const struct element *e = element_at(at);
	size_t digits = fraction_at(at);

	/* in "_2006" the line is one, and no space for a day */
	if (strncmp(at, "_2006", 5) == 0)
		e = NULL;
	if (e != NULL) {
		put_element(w, e);
		return strlen(e->text);
	}
	if (digits > 0) {
		put_fraction(w, at, digits);
		return 1 + digits;
	}
	put(w, at, 1);
	return 1;
}

size_t gotime_format(char *out, size_t cap, const char *layout, const struct tm *tm, long nsec)
{
	struct writer w = { .out = out, .cap = cap, .tm = tm, .nsec = nsec };

	for (const char *at = layout; *at != '\0';)
		at += put_next(&w, at);
	out[w.full ? 0 : w.len] = '\0';
	return w.full ? cap : w.len;
}
