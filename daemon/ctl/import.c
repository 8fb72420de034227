/* import.c - the command that prints kcptun's JSON files as a kcptun.ini. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "ctl.h"
#include "ctl_import.h"

static void to_stderr(void *user, enum conf_severity severity, const char *line)
{
	fprintf(stderr, "%s%s\n", line, severity == CONF_WARNING ? " (warning)" : "");
}

int ctl_import(int argc, char **argv)
{
	char *text;
	bool printed;
	int status = ctl_parse_options(argc, argv);

	if (status >= 0)
		return status;
	if (argc == optind)
		return ctl_usage(argv[0]);
	text = import_files((const char *const *)argv + optind, (size_t)(argc - optind), to_stderr,
			    NULL);
	if (!text)
		return CTL_REFUSED;
	printed = fputs(text, stdout) >= 0 && fflush(stdout) == 0;
	OPENSSL_cleanse(text, strlen(text));
	free(text);
	return printed ? CTL_DONE : CTL_REFUSED;
}
