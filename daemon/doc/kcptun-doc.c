/* kcptun-doc.c - prints the documentation of the keys from the table of keys.
 *
 * Not installed: it makes kcptun.ini.5 when the project is built, and what else tells of the keys
 * is compared with its output by the tests. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "doc.h"

static int usage(void)
{
	fputs("usage: kcptun-doc ini             conf/kcptun.ini\n"
	      "       kcptun-doc markdown        the key table of README.md\n"
	      "       kcptun-doc readme FILE     README.md with that table between its marks\n"
	      "       kcptun-doc mdoc FILE       man/kcptun.ini.5.in filled in\n",
	      stderr);
	return 2;
}

/* Copy a file, with what `doc` prints between a line `from` and a line `to`; the lines themselves
 * stay if `keep`.  False when one of them is missing. */
static bool fill(FILE *in, const char *from, const char *to, bool keep, void (*doc)(FILE *))
{
	char *line = NULL;
	size_t cap = 0;
	bool skipping = false, done = false;

	while (getline(&line, &cap, in) >= 0) {
		bool begins = !done && strcmp(line, from) == 0;
		bool ends = (begins || skipping) && strcmp(line, to) == 0;

		if (!skipping && (!begins || keep))
			fputs(line, stdout);
		if (begins)
			doc(stdout);
		if (ends && !begins && keep)
			fputs(line, stdout);
		skipping = (skipping || begins) && !ends;
		done |= ends;
	}
	free(line);
	return done;
}

static int fill_file(const char *path, const char *from, const char *to, bool keep,
		     void (*doc)(FILE *))
{
	FILE *in = fopen(path, "r");
	bool good;

	if (in == NULL) {
		fprintf(stderr, "kcptun-doc: %s: %s\n", path, strerror(errno));
		return 1;
	}
	good = fill(in, from, to, keep, doc);
	fclose(in);
	if (!good)
		fprintf(stderr, "kcptun-doc: %s has no place for the keys\n", path);
	return good ? 0 : 1;
}

static int run(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "ini") == 0)
		doc_ini(stdout);
	else if (argc == 2 && strcmp(argv[1], "markdown") == 0)
		doc_markdown(stdout);
	else if (argc == 3 && strcmp(argv[1], "readme") == 0)
		return fill_file(argv[2], "<!-- keys -->\n", "<!-- /keys -->\n", true, doc_markdown);
	else if (argc == 3 && strcmp(argv[1], "mdoc") == 0)
		return fill_file(argv[2], "@KEYS@\n", "@KEYS@\n", false, doc_mdoc);
	else
		return usage();
	return 0;
}

int main(int argc, char **argv)
{
	int status = run(argc, argv);

	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	perror("kcptun-doc");
	return 1;
}
