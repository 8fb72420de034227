/* vectors.h - reader of the golden vectors (format: tests/vectors/README.md).
 *
 * A file is a list of records, a record is a list of `name = value`.  Everything
 * here ends the test program when a file is not as its reader expects. */
#ifndef KT_TEST_VECTORS_H
#define KT_TEST_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vec_field {
	const char *name, *value;
};
struct vec_record {
	const char *kind; /* value of `record` */
	int line;         /* of its first line, for messages */
	struct vec_field *fields;
	size_t field_count;
};
struct vec_file {
	char *text;
	struct vec_record *records;
	size_t record_count;
};
struct vec_bytes {
	uint8_t *p;
	size_t n;
}; /* freed with vec_bytes_free() */

/* `name` is looked up in the folder that the environment's KT_VECTORS names. */
struct vec_file *vec_open(const char *name);
void vec_close(struct vec_file *f);

const char *vec_find(const struct vec_record *r, const char *name); /* NULL when missing */
const char *vec_text(const struct vec_record *r, const char *name);
uint64_t vec_number(const struct vec_record *r, const char *name); /* decimal or 0x */
uint64_t vec_number_or(const struct vec_record *r, const char *name, uint64_t dflt);
struct vec_bytes vec_hex(const struct vec_record *r, const char *name);
/* Hex text, or one of the generators: lcg32, lcg32rep, repeat, zero. */
struct vec_bytes vec_hex_text(const char *hex);
struct vec_bytes vec_generate(const char *spec);
/* The bytes of `name`, hex; if it is missing, those of `gen_name`, generated. */
struct vec_bytes vec_bytes_or_gen(const struct vec_record *r, const char *name, const char *gen_name);
void vec_bytes_free(struct vec_bytes *b);
/* "row", 3 -> field row3; NULL when missing. */
const char *vec_numbered(const struct vec_record *r, const char *prefix, unsigned n);

/* SHA-256 of bytes as lower-case hex, 64 characters and a NUL. */
void vec_sha256(const void *p, size_t n, char hex[65]);

#endif
