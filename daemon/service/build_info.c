/* build_info.c - what this build has, and what goes without the rest. */
#include "build_info.h"

#include <stdbool.h>

#include "wire.h"

static const struct {
	const char *library;
	bool in;
	const char *gone; /* without it */
} features[] = {
	{ "isal", KT_ISAL, "error correction and CRCs by plain C" },
	{ "snappy", KT_SNAPPY, "clients need nocomp" },
	{ "zstd", KT_ZSTD, "no compression = zstd" },
	{ "nettle", KT_NETTLE, "no twofish, no salsa20" },
	{ "jansson", KT_JANSSON, "no kcptunctl, no control, no metrics, no JSON files" },
	{ "ncurses", KT_NCURSES, "no kcptunctl top" },
};

static void print_line(FILE *out, const char *word, bool in)
{
	const char *separator = word;

	for (size_t i = 0; i < ARRAY_LEN(features); i++) {
		if (features[i].in != in)
			continue;
		fprintf(out, "%s %s", separator, features[i].library);
		if (!in)
			fprintf(out, " (%s)", features[i].gone);
		separator = ",";
	}
	if (separator != word)
		fputc('\n', out);
}

void build_info_print(FILE *out)
{
	fputs("kcptund " KT_VERSION "\n", out);
	print_line(out, "with", true);
	print_line(out, "without", false);
}
