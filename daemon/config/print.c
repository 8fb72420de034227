/* print.c - the table of keys as text. */
#include "config_impl.h"

#include <inttypes.h>
#include <string.h>

size_t conf_key_count(void)
{
	return KEY_COUNT;
}

const char *conf_key_default(size_t i)
{
	return conf_rows[i].dflt;
}

static const char *roles_text(enum conf_where where)
{
	switch (where) {
	case ON_DAEMON:
		return "daemon";
	case ON_CLIENT:
		return "client";
	case ON_SERVER:
		return "server";
	default:
		return "both";
	}
}

/* 1073741824 reads better as 1G. */
static const char *size_text(char buf[static 24], int64_t v)
{
	static const char units[] = "KMG";
	char unit[2] = "";

	for (size_t i = 0; units[i] && v >= 1024 && v % 1024 == 0; i++) {
		v /= 1024;
		unit[0] = units[i];
	}
	snprintf(buf, 24, "%" PRId64 "%s", v, unit);
	return buf;
}

static void type_text(const struct conf_row *row, char *out, size_t cap)
{
	char min[24], max[24];

	if (row->type->text)
		snprintf(out, cap, "%s", row->type->text);
	else if (row->type == &conf_type_bytes || row->type == &conf_type_rate)
		snprintf(out, cap, "%s..%s", size_text(min, row->min), size_text(max, row->max));
	else if (row->type == &conf_type_auto_bytes)
		snprintf(out, cap, "auto or %s..%s", size_text(min, row->min),
			 size_text(max, row->max));
	else
		snprintf(out, cap, "%s%" PRId64 "..%" PRId64,
			 row->type == &conf_type_auto ? "auto or " : "", row->min, row->max);
}

void conf_key_describe(size_t i, struct conf_key_info *info, char *buf, size_t cap)
{
	const struct conf_row *row = &conf_rows[i];

	type_text(row, buf, cap);
	*info = (struct conf_key_info){
		.name = row->name,
		.kind = row->type->kind,
		.type = buf,
		.dflt = row->dflt,
		.where = row->where,
		.roles = roles_text(row->where),
		.help = row->help,
	};
}

static void print_ciphers(FILE *out)
{
	fputs("\nCiphers:\n", out);
	for (size_t i = 0; i < seal_method_count; i++)
		fprintf(out, "  %-18s %s\n", seal_methods[i].name, seal_methods[i].summary);
}

void config_print_help(FILE *out)
{
	struct conf_key_info info;
	char buf[CONF_DESCRIBE_BYTES];

	for (size_t i = 0; i < KEY_COUNT; i++) {
		conf_key_describe(i, &info, buf, sizeof(buf));
		fprintf(out, "  %-12s %-7s ", info.name, info.roles);
		if (info.dflt[0] != '\0')
			fprintf(out, "%-42s default %s", info.type, info.dflt);
		else
			fputs(info.type, out);
		fprintf(out, "\n      %s\n", info.help);
	}
	print_ciphers(out);
}
