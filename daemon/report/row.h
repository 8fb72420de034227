/* row.h - a JSON object under construction; what failed once stays failed. */
#ifndef KT_ROW_H
#define KT_ROW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct row {
	json_t *o;
	bool failed;
};

struct row row_begin(void);
/* The object, which is the caller's; NULL when out of memory. */
json_t *row_end(struct row *r);

/* Takes `value` over; NULL is a failure. */
void row_put(struct row *r, const char *key, json_t *value);
/* Paths may hold any bytes: what is not UTF-8 is shown as such. */
void row_str(struct row *r, const char *key, const char *value);
void row_text_or_null(struct row *r, const char *key, const char *value);
void row_int(struct row *r, const char *key, uint64_t value);
/* What is not known, NAN, is null. */
void row_real(struct row *r, const char *key, double value);

#endif
