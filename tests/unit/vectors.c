/* vectors.c - reader of the golden vectors. */
#include "vectors.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what, const char *detail)
{
	fprintf(stderr, "vectors: %s: %s\n", what, detail);
	abort();
}

static void *must(void *p)
{
	if (p == NULL)
		die("out of memory", "");
	return p;
}

static char *slurp(const char *name)
{
	const char *dir = getenv("KT_VECTORS");
	char path[4096];
	char *text;
	long size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir != NULL ? dir : "tests/vectors", name);
	f = fopen(path, "rb");
	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0)
		die("cannot open", path);
	rewind(f);
	text = must(malloc((size_t)size + 1));
	if (fread(text, 1, (size_t)size, f) != (size_t)size)
		die("cannot read", path);
	text[size] = '\0';
	fclose(f);
	return text;
}

static void add_field(struct vec_record *r, const char *name, const char *value)
{
	if ((r->field_count & (r->field_count + 1)) == 0)
		r->fields = must(realloc(r->fields, (2 * r->field_count + 2) * sizeof(*r->fields)));
	r->fields[r->field_count++] = (struct vec_field){ name, value };
}

static struct vec_record *add_record(struct vec_file *f, const char *kind, int line)
{
	if ((f->record_count & (f->record_count + 1)) == 0)
		f->records = must(realloc(f->records,
					  (2 * f->record_count + 2) * sizeof(*f->records)));
	f->records[f->record_count] = (struct vec_record){ .kind = kind, .line = line };
	return &f->records[f->record_count++];
}

struct vec_file *vec_open(const char *name)
{
	struct vec_file *f = must(calloc(1, sizeof(*f)));
	struct vec_record *r = NULL;
	int line_no = 0;
	char *next;

	f->text = slurp(name);
	for (char *line = f->text; line != NULL && *line != '\0'; line = next) {
		char *end = strchr(line, '\n'), *eq;

		next = NULL;
		if (end != NULL) {
			*end = '\0';
			next = end + 1;
		}
		line_no++;
		if (line[0] == '#')
			continue;
		if (line[0] == '\0') {
			r = NULL;
			continue;
		}
		eq = strstr(line, " =");
		if (eq == NULL)
			die("line without '='", line);
		*eq = '\0';
		eq += eq[2] == ' ' ? 3 : 2;
		if (strcmp(line, "record") == 0)
			r = add_record(f, eq, line_no);
		else if (r == NULL)
			die("field outside a record", line);
		else
			add_field(r, line, eq);
	}
	return f;
}

void vec_close(struct vec_file *f)
{
	for (size_t i = 0; i < f->record_count; i++)
		free(f->records[i].fields);
	free(f->records);
	free(f->text);
	free(f);
}

const char *vec_find(const struct vec_record *r, const char *name)
{
	for (size_t i = 0; i < r->field_count; i++)
		if (strcmp(r->fields[i].name, name) == 0)
			return r->fields[i].value;
	return NULL;
}

const char *vec_text(const struct vec_record *r, const char *name)
{
	const char *v = vec_find(r, name);

	if (v == NULL) {
		fprintf(stderr, "record %s at line %d: ", r->kind, r->line);
		die("no such field", name);
	}
	return v;
}

uint64_t vec_number(const struct vec_record *r, const char *name)
{
	const char *v = vec_text(r, name);
	char *end;
	uint64_t n = strtoull(v, &end, 0);

	if (end == v)
		die("not a number", v);
	return n;
}

uint64_t vec_number_or(const struct vec_record *r, const char *name, uint64_t dflt)
{
	return vec_find(r, name) != NULL ? vec_number(r, name) : dflt;
}

static unsigned nibble(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	die("not a hex digit", (char[]){ c, '\0' });
	return 0;
}

struct vec_bytes vec_hex_text(const char *hex)
{
	size_t n = strlen(hex);
	struct vec_bytes b = { must(malloc(n / 2 + 1)), n / 2 };

	if (n % 2 != 0)
		die("odd number of hex digits", hex);
	for (size_t i = 0; i < b.n; i++)
		b.p[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
	return b;
}

struct vec_bytes vec_hex(const struct vec_record *r, const char *name)
{
	return vec_hex_text(vec_text(r, name));
}

static void lcg32(uint32_t x, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		x = x * 1664525u + 1013904223u;
		p[i] = (uint8_t)(x >> 24);
	}
}

struct vec_bytes vec_generate(const char *spec)
{
	char kind[16], a[4096], b[32], c[32];
	int got = sscanf(spec, "%15s %4095s %31s %31s", kind, a, b, c);
	struct vec_bytes out, pattern = { NULL, 0 };

	if (got < 2)
		die("bad generator", spec);
	out.n = strtoul(got == 2 ? a : got == 3 ? b : c, NULL, 0);
	out.p = must(calloc(1, out.n + 1));
	if (strcmp(kind, "lcg32") == 0 && got == 3) {
		lcg32((uint32_t)strtoul(a, NULL, 0), out.p, out.n);
	} else if (strcmp(kind, "lcg32rep") == 0 && got == 4) {
		pattern.n = strtoul(b, NULL, 0);
		pattern.p = must(malloc(pattern.n + 1));
		lcg32((uint32_t)strtoul(a, NULL, 0), pattern.p, pattern.n);
	} else if (strcmp(kind, "repeat") == 0 && got == 3) {
		pattern = vec_hex_text(a);
	} else if (strcmp(kind, "zero") != 0 || got != 2) {
		die("unknown generator", spec);
	}
	for (size_t i = 0; pattern.n > 0 && i < out.n; i++)
		out.p[i] = pattern.p[i % pattern.n];
	free(pattern.p);
	return out;
}

struct vec_bytes vec_bytes_or_gen(const struct vec_record *r, const char *name, const char *gen_name)
{
	return vec_find(r, name) != NULL ? vec_hex(r, name) : vec_generate(vec_text(r, gen_name));
}

void vec_bytes_free(struct vec_bytes *b)
{
	free(b->p);
	b->p = NULL;
	b->n = 0;
}

const char *vec_numbered(const struct vec_record *r, const char *prefix, unsigned n)
{
	char name[64];

	snprintf(name, sizeof(name), "%s%u", prefix, n);
	return vec_find(r, name);
}

void vec_sha256(const void *p, size_t n, char hex[65])
{
	uint8_t md[32];

	if (EVP_Digest(p, n, md, NULL, EVP_sha256(), NULL) != 1)
		die("sha256", "failed");
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", md[i]);
}
