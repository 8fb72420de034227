/* plot.c - a picture of a trace, drawn by gnuplot. */
#include "plot.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Columns are those of trace_print().  A window without an opinion is no line. */
static const char panels[] = "set multiplot layout 4,1 title title noenhanced\n"
			     "set grid\n"
			     "set key outside right top width 2\n"
			     "set lmargin 10\n"
			     "set rmargin 18\n"
			     "set yrange [0:most]\n"
			     "set ylabel 'Mbit/s'\n"
			     "plot $trace using 1:3 with lines title 'wire', \\\n"
			     "     '' using 1:9 with lines title 'pacing', \\\n"
			     "     '' using 1:4 with lines title 'rivals', \\\n"
			     "     '' using 1:2 with lines linewidth 2 title 'goodput'\n"
			     "set yrange [0:*]\n"
			     "set ylabel 'ms'\n"
			     "plot $trace using 1:7 with lines title 'srtt', \\\n"
			     "     '' using 1:8 with lines title 'least rtt', \\\n"
			     "     '' using 1:5 with lines linewidth 2 title 'queue'\n"
			     "set ylabel 'segments'\n"
			     "plot $trace using 1:6 with lines linewidth 2 title 'in flight', \\\n"
			     "     '' using 1:($10 > 1e6 ? NaN : $10) with lines title 'window'\n"
			     "set ylabel 'packets'\n"
			     "set xlabel 's'\n"
			     "plot $trace using 1:14 with lines title 'dropped', \\\n"
			     "     '' using 1:13 with lines title 'lost', \\\n"
			     "     '' using 1:11 with lines title 'resent', \\\n"
			     "     '' using 1:12 with lines title 'spurious'\n"
			     "unset multiplot\n";

static const char *terminal(const char *file)
{
	const char *end = strrchr(file, '.');

	return end != NULL && strcmp(end, ".svg") == 0 ? "svg size 1000,900 background 'white'"
						       : "pngcairo size 1400,1500";
}

/* As a string of gnuplot's. */
static void quote(FILE *to, const char *text)
{
	fputc('\'', to);
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			fputc('\'', to);
		fputc(*text, to);
	}
	fputc('\'', to);
}

/* A pacer without a limit would leave the rest of the panel flat. */
static double top_rate(const struct trace *t)
{
	const struct trace_row *rows;
	size_t count = trace_rows(t, &rows);
	double top = 1;

	for (size_t i = 0; i < count; i++) {
		top = rows[i].wire > top ? rows[i].wire : top;
		top = rows[i].rivals > top ? rows[i].rivals : top;
	}
	return 1.1 * top;
}

static bool write_script(FILE *to, const struct trace *t, const char *title, const char *file)
{
	bool good;

	fprintf(to, "set terminal %s\nset output ", terminal(file));
	quote(to, file);
	fputs("\ntitle = ", to);
	quote(to, title);
	fprintf(to, "\nmost = %g\n$trace << END\n", top_rate(t));
	trace_print(t, to);
	fprintf(to, "END\n%s", panels);
	good = !ferror(to);
	return fclose(to) == 0 && good;
}

static bool draw(char *script)
{
	char name[] = "gnuplot";
	char *args[] = { name, script, NULL };
	pid_t pid;
	int status, err = posix_spawnp(&pid, name, NULL, NULL, args, environ);

	if (err == ENOENT) {
		fputs("lab: no picture: gnuplot is not installed\n", stderr);
		return false;
	}
	if (err != 0) {
		fprintf(stderr, "lab: no picture: gnuplot: %s\n", strerror(err));
		return false;
	}
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	fputs("lab: no picture: gnuplot failed\n", stderr);
	return false;
}

bool plot_write(const struct trace *t, const char *title, const char *file)
{
	char script[] = "/tmp/lab-plot-XXXXXX";
	int fd = mkstemp(script);
	FILE *to = fd >= 0 ? fdopen(fd, "w") : NULL;
	bool good;

	if (to == NULL) {
		fprintf(stderr, "lab: no picture: %s: %s\n", script, strerror(errno));
		return false;
	}
	good = write_script(to, t, title, file);
	if (!good)
		fprintf(stderr, "lab: no picture: %s could not be written\n", script);
	good = good && draw(script);
	unlink(script);
	return good;
}
