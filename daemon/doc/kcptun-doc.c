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
	      "       kcptun-doc mdoc FILE       man/kcptun.ini.5.in filled in\n",
	      stderr);
	return 2;
}

/* Copy a page, with the list of keys in the place of the line that says so.  False when there is none. */
static bool fill(FILE *in)
{
	char *line = NULL;
	size_t cap = 0;
	bool done = false;

	while (getline(&line, &cap, in) >= 0) {
		if (strcmp(line, "@KEYS@\n") != 0) {
			fputs(line, stdout);
			continue;
		}
		doc_mdoc(stdout);
		done = true;
	}
	free(line);
	return done;
}

static int fill_file(const char *path)
{
	FILE *in = fopen(path, "r");
	bool good;

	if (in == NULL) {
		fprintf(stderr, "kcptun-doc: %s: %s\n", path, strerror(errno));
		return 1;
	}
	good = fill(in);
	fclose(in);
	if (!good)
		fprintf(stderr, "kcptun-doc: %s has no place for the keys\n", path);
	return good ? 0 : 1;
}

static int run(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "ini") == 0)
		doc_ini(stdout);
	else if (argc == 3 && strcmp(argv[1], "mdoc") == 0)
		return fill_file(argv[2]);
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
