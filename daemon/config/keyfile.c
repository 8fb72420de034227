/* keyfile.c - a key that is the content of a file. */
#include "config_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What LoadCredential= of a unit gave us under that name; owned, NULL when there is no such
 * thing.  A credential's name has no slash in it. */
static char *credential_path(const char *name)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	struct stat st;
	char *path;

	if (!folder || folder[0] != '/' || strchr(name, '/'))
		return NULL;
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return NULL;
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
		return path;
	free(path);
	return NULL;
}

/* O_NONBLOCK: a FIFO without a writer must not hold up the daemon. */
static int open_regular(const char *path, struct stat *st, char *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, st) < 0) {
		conf_why(why, "%s cannot be opened: %s", path, strerror(errno));
	} else if (!S_ISREG(st->st_mode)) {
		conf_why(why, "%s is not a regular file", path);
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The file's bytes, in a block of just that size plus one, so that all of it
 * can be wiped by its length. */
static bool take_key(struct conf_tunnel *t, int fd, char *why)
{
	char reason[CONF_WHY_BYTES];
	size_t len;
	char *text = conf_slurp(fd, CONF_KEYFILE_MAX, &len, reason);

	if (!text)
		return conf_wrong(why, "%.200s %.200s", t->keyfile, reason);
	if (len > 0 && text[len - 1] == '\n')
		len--;
	t->key = len > 0 ? malloc(len) : NULL;
	t->key_len = t->key ? len : 0;
	if (t->key)
		memcpy(t->key, text, len);
	conf_wipe_free(text, len + 1);
	if (len == 0)
		return conf_wrong(why, "%s is empty; make a key with: " CONF_GENKEY " > %s",
				  t->keyfile, t->keyfile);
	return t->key || conf_wrong(why, "out of memory");
}

static void doubt(const struct conf_tunnel *t, const struct stat *st, char *warning)
{
	warning[0] = '\0';
	if (st->st_mode & S_IROTH)
		conf_why(warning, "%s can be read by every user; chmod o= it", t->keyfile);
	else if (t->key[t->key_len - 1] == '\r')
		conf_why(warning, "%s has a carriage return at its end, which is part of the key",
			 t->keyfile);
}

/* A credential is not noted: it is there for the service alone. */
static void note_file(const struct conf_tunnel *t, bool is_bare)
{
	struct conf_file *file;

	if (conf_files_count(t->files) == 0 || conf_files_has(t->files, CONF_FILE_KEY, t->keyfile))
		return;
	file = conf_files_add(t->files, CONF_FILE_KEY, t->keyfile);
	if (file)
		file->is_bare = is_bare;
}

bool conf_keyfile_read(struct conf_tunnel *t, const char *conf_path, char *why, char *warning)
{
	char *path = credential_path(t->keyfile);
	bool is_credential = path != NULL, is_bare = strchr(t->keyfile, '/') == NULL;
	struct stat st;
	bool ok;
	int fd;

	if (!path)
		path = conf_resolve_path(conf_path, t->keyfile);
	if (!path)
		return conf_wrong(why, "out of memory");
	free(t->keyfile);
	t->keyfile = path;
	if (!is_credential)
		note_file(t, is_bare);
	fd = open_regular(path, &st, why);
	if (fd < 0)
		return false;
	ok = take_key(t, fd, why);
	close(fd);
	if (ok)
		doubt(t, &st, warning);
	return ok;
}
