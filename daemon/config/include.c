/* include.c - the files that a file names.
 *
 * They are read behind the one that names them, in the order of the lines and then of their names, so that
 * no file is open while another is read.  Each is read once: nothing can go round in circles, and no
 * section is there twice. */
#include "config_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what is to be read ------------------------------------------------------- */

void conf_include_note(struct conf_source *s, const char *text, struct conf_place at,
		       unsigned depth, struct conf_reporter *r)
{
	struct conf_include *grown;
	char *copy;

	if (depth == CONF_DEPTH_MAX) {
		conf_fault(r, at, "files name files that name files, more than %d deep",
			   CONF_DEPTH_MAX);
		return;
	}
	if (s->include_count == CONF_INCLUDES_MAX) {
		conf_fault(r, at, "is there more than %d times", CONF_INCLUDES_MAX);
		return;
	}
	grown = realloc(s->includes, (s->include_count + 1) * sizeof(*grown));
	copy = strdup(text);
	if (grown)
		s->includes = grown;
	if (!grown || !copy) {
		free(copy);
		conf_fault(r, at, "out of memory");
		return;
	}
	grown[s->include_count++] = (struct conf_include){ .text = copy, .at = at, .depth = depth + 1 };
}

/* ---- one file ------------------------------------------------------------------ */

/* The line that is followed. */
struct follow {
	struct conf_source *s;
	struct conf_reporter *r;
	struct conf_place at;
	unsigned depth; /* of what it names */
};

static bool is_read(const struct conf_source *s, const struct stat *st)
{
	for (size_t i = 0; i < conf_files_count(s->files); i++) {
		const struct conf_file *f = conf_files_at(s->files, i);

		if (f->kind == CONF_FILE_INI && f->inode == st->st_ino && f->device == st->st_dev)
			return true;
	}
	return false;
}

/* False with a word. */
static bool is_good(const struct follow *f, const char *path, int fd, struct stat *st)
{
	if (fd < 0 || fstat(fd, st) != 0)
		conf_fault(f->r, f->at, "%s cannot be opened: %s", path, strerror(errno));
	else if (!S_ISREG(st->st_mode))
		conf_fault(f->r, f->at, "%s is not a regular file", path);
	else if (is_read(f->s, st))
		conf_fault(f->r, f->at,
			   "%s is read already: each file may be named once, and none by itself",
			   path);
	else if (f->s->included_count == CONF_INCLUDED_MAX)
		conf_fault(f->r, f->at, "names more than %d files", CONF_INCLUDED_MAX);
	else
		return true;
	return false;
}

/* A message of the file itself. */
static void parse_bytes(const struct follow *f, int fd, unsigned number)
{
	struct conf_place whole = { .file = number };
	char why[CONF_WHY_BYTES], *text;
	size_t len;

	text = conf_slurp(fd, CONF_FILE_MAX, &len, why);
	if (!text) {
		conf_fault(f->r, whole, "%s", why);
		return;
	}
	f->s->bytes += len;
	if (f->s->bytes > CONF_BYTES_MAX)
		conf_fault(f->r, whole, "with it the files that were named are larger than %d MiB",
			   CONF_BYTES_MAX >> 20);
	else
		conf_source_parse(f->s, text, len, number, f->depth, f->r);
	conf_wipe_free(text, len);
}

static void read_open(const struct follow *f, const char *path, int fd, const struct stat *st)
{
	unsigned number = (unsigned)conf_files_count(f->s->files);
	struct conf_file *file = conf_files_add(f->s->files, CONF_FILE_INI, path);

	if (!file) {
		conf_fault(f->r, f->at, "out of memory");
		return;
	}
	conf_file_note(file, st);
	f->s->included_count++;
	parse_bytes(f, fd, number);
}

/* O_NONBLOCK: a FIFO without a writer must not hold up the daemon. */
static void read_one(const struct follow *f, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (is_good(f, path, fd, &st))
		read_open(f, path, fd, &st);
	if (fd >= 0)
		close(fd);
}

/* ---- a pattern ------------------------------------------------------------------ */

struct names {
	char **list;
	size_t count;
};

static void names_free(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->list[i]);
	free(n->list);
}

static bool names_add(struct names *n, const char *name)
{
	char **grown = realloc(n->list, (n->count + 1) * sizeof(*grown));

	if (!grown)
		return false;
	n->list = grown;
	grown[n->count] = strdup(name);
	return grown[n->count++] != NULL;
}

/* By bytes: no locale may change what is first. */
static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* False with a word.  Who begins with a dot hides from patterns, as an editor's copies may. */
static bool match(const struct follow *f, DIR *dir, const char *folder, const char *pattern,
		  struct names *names)
{
	const struct dirent *entry;

	for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0) {
		if (fnmatch(pattern, entry->d_name, FNM_PERIOD) != 0)
			continue;
		if (names->count == CONF_INCLUDED_MAX) {
			conf_fault(f->r, f->at, "names more than %d files", CONF_INCLUDED_MAX);
			return false;
		}
		if (!names_add(names, entry->d_name)) {
			conf_fault(f->r, f->at, "out of memory");
			return false;
		}
	}
	if (errno != 0)
		conf_fault(f->r, f->at, "%s cannot be read: %s", folder, strerror(errno));
	return errno == 0;
}

static bool list(const struct follow *f, const char *folder, const char *pattern, struct names *names)
{
	DIR *dir = opendir(folder);
	bool good;

	if (!dir) {
		conf_fault(f->r, f->at, "%s cannot be opened: %s", folder, strerror(errno));
		return false;
	}
	if (!conf_files_has(f->s->files, CONF_FILE_FOLDER, folder))
		conf_files_add(f->s->files, CONF_FILE_FOLDER, folder);
	good = match(f, dir, folder, pattern, names);
	closedir(dir);
	return good;
}

static void read_named(const struct follow *f, const char *folder, const char *name)
{
	char *path;

	if (asprintf(&path, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", name) < 0) {
		conf_fault(f->r, f->at, "out of memory");
		return;
	}
	read_one(f, path);
	free(path);
}

/* A pattern that no name fits is no fault: the tunnels of a folder come and go. */
static void read_matching(const struct follow *f, const char *folder, const char *pattern)
{
	struct names names = { 0 };

	if (list(f, folder, pattern, &names)) {
		if (names.count > 0)
			qsort(names.list, names.count, sizeof(*names.list), by_name);
		for (size_t i = 0; i < names.count && !conf_reporter_full(f->r); i++)
			read_named(f, folder, names.list[i]);
	}
	names_free(&names);
}

static bool is_pattern(const char *text)
{
	return strpbrk(text, "*?[") != NULL;
}

/* `path` is cut at its last slash. */
static void follow_path(const struct follow *f, char *path)
{
	char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
	const char *folder = !slash ? "." : slash == path ? "/" : path;

	if (!is_pattern(last)) {
		read_one(f, path);
		return;
	}
	if (slash)
		*slash = '\0';
	read_matching(f, folder, last);
}

/* The folder of the file itself may be called anything. */
static void follow_line(const struct follow *f, const char *text)
{
	const char *slash = strrchr(text, '/');
	char *path;

	if (slash && strcspn(text, "*?[") < (size_t)(slash - text)) {
		conf_fault(f->r, f->at, "only the name behind the last slash may be a pattern");
		return;
	}
	path = conf_resolve_path(conf_reporter_file(f->r, f->at.file), text);
	if (path)
		follow_path(f, path);
	else
		conf_fault(f->r, f->at, "out of memory");
	free(path);
}

void conf_include_all(struct conf_source *s, struct conf_reporter *r)
{
	for (size_t i = 0; i < s->include_count && !conf_reporter_full(r); i++) {
		struct follow f = {
			.s = s,
			.r = r,
			.at = s->includes[i].at,
			.depth = s->includes[i].depth,
		};

		follow_line(&f, s->includes[i].text); /* which may move the list */
	}
}
