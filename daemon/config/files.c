/* files.c - which files a configuration was read from.
 *
 * A tunnel may outlive the configuration that it came with, and its values tell their files by number:
 * so the list is shared by all that know numbers, and goes with the last of them. */
#include "config_impl.h"

#include <stdlib.h>
#include <string.h>

struct conf_files {
	unsigned refs;
	struct conf_file *list;
	size_t count;
};

struct conf_files *conf_files_new(void)
{
	struct conf_files *f = calloc(1, sizeof(*f));

	if (f)
		f->refs = 1;
	return f;
}

struct conf_files *conf_files_ref(struct conf_files *f)
{
	if (f)
		f->refs++;
	return f;
}

void conf_files_unref(struct conf_files *f)
{
	if (!f || --f->refs > 0)
		return;
	for (size_t i = 0; i < f->count; i++)
		free(f->list[i].path);
	free(f->list);
	free(f);
}

struct conf_file *conf_files_add(struct conf_files *f, enum conf_file_kind kind, const char *path)
{
	struct conf_file *grown = realloc(f->list, (f->count + 1) * sizeof(*grown));
	char *copy = strdup(path);

	if (grown)
		f->list = grown;
	if (!grown || !copy) {
		free(copy);
		return NULL;
	}
	grown[f->count] = (struct conf_file){ .kind = kind, .path = copy };
	return &grown[f->count++];
}

void conf_file_note(struct conf_file *f, const struct stat *st)
{
	f->device = st->st_dev;
	f->inode = st->st_ino;
	f->is_public = st->st_mode & S_IROTH;
}

size_t conf_files_count(const struct conf_files *f)
{
	return f ? f->count : 0;
}

struct conf_file *conf_files_at(struct conf_files *f, size_t i)
{
	return &f->list[i];
}

bool conf_files_has(const struct conf_files *f, enum conf_file_kind kind, const char *path)
{
	for (size_t i = 0; i < f->count; i++) {
		if (f->list[i].kind == kind && strcmp(f->list[i].path, path) == 0)
			return true;
	}
	return false;
}

const char *conf_file_name(const struct conf_files *f, unsigned file)
{
	bool has_lines = file < conf_files_count(f) && f->list[file].kind <= CONF_FILE_OTHER;

	return has_lines ? f->list[file].path : NULL;
}

size_t config_file_count(const struct config *c)
{
	return conf_files_count(c->files);
}

struct conf_opened config_file(const struct config *c, size_t i)
{
	const struct conf_file *f = &c->files->list[i];

	return (struct conf_opened){
		.path = f->path,
		.is_folder = f->kind == CONF_FILE_FOLDER,
		.may_be_credential = f->is_bare,
	};
}

/* Owned; NULL when out of memory. */
char *conf_resolve_path(const char *conf_path, const char *path)
{
	const char *slash = strrchr(conf_path, '/');
	char *joined;

	if (path[0] == '/' || !slash)
		return strdup(path);
	if (asprintf(&joined, "%.*s/%s", (int)(slash - conf_path), conf_path, path) < 0)
		return NULL;
	return joined;
}
