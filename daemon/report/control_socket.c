/* control_socket.c - the Unix socket of the control channel: made, guarded, not taken from another. */
#include "control_socket.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "config.h"
#include "log.h"

/* The folder of `path`, which is absolute. */
static void folder_of(const char *path, char out[static sizeof(((struct sockaddr_un *)0)->sun_path)])
{
	size_t n = (size_t)(strrchr(path, '/') - path);

	memcpy(out, path, n);
	out[n] = '\0';
	if (n == 0)
		strcpy(out, "/");
}

/* Is somebody there?  A full queue of one that does not accept counts, too. */
static bool is_live(const struct sockaddr_un *un)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool live = fd >= 0 &&
		    (connect(fd, (const struct sockaddr *)un, sizeof(*un)) == 0 || errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return live;
}

static void explain(char why[static CONTROL_WHY_BYTES], const char *path, const char *what)
{
	snprintf(why, CONTROL_WHY_BYTES, "control = %s: %s", path, what);
}

/* Remove what a process left that was killed.  False: `why` not. */
static bool clear_path(const struct sockaddr_un *un, char why[static CONTROL_WHY_BYTES])
{
	const char *path = un->sun_path;
	struct stat st;

	if (lstat(path, &st) != 0)
		return true;
	if (!S_ISSOCK(st.st_mode)) {
		explain(why, path, "there is something else than a socket");
		return false;
	}
	if (is_live(un)) {
		explain(why, path,
			"another kcptund is answering there; stop it, or give this one another path, or none");
		return false;
	}
	if (unlink(path) == 0)
		return true;
	snprintf(why, CONTROL_WHY_BYTES, "control = %s: cannot remove what was left there: %s",
		 path, strerror(errno));
	return false;
}

static void give_to_group(const char *path, char why[static CONTROL_WHY_BYTES])
{
	const struct group *g = getgrnam(CONTROL_GROUP);

	if (g == NULL)
		log_debug(NULL, "control: there is no group " CONTROL_GROUP);
	else if (chown(path, (uid_t)-1, g->gr_gid) != 0)
		snprintf(why, CONTROL_WHY_BYTES,
			 "control = %s: cannot be given to group " CONTROL_GROUP ": %s", path,
			 strerror(errno));
}

/* The socket must never be there with more rights than in the end. */
static int bind_guarded(const struct sockaddr_un *un)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), saved;
	mode_t before;

	if (fd < 0)
		return -1;
	before = umask(0117);
	if (bind(fd, (const struct sockaddr *)un, sizeof(*un)) != 0) {
		saved = errno;
		close(fd);
		errno = saved;
		fd = -1;
	}
	umask(before);
	return fd;
}

static int make_socket(const struct sockaddr_un *un, char why[static CONTROL_WHY_BYTES])
{
	int fd;

	if (!clear_path(un, why))
		return -1;
	fd = bind_guarded(un);
	if (fd < 0)
		explain(why, un->sun_path, strerror(errno));
	else
		give_to_group(un->sun_path, why);
	return fd;
}

int control_socket(const char *path, char why[static CONTROL_WHY_BYTES], bool *without)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	bool is_default = strcmp(path, CONF_CONTROL_DEFAULT) == 0;
	char folder[sizeof(un.sun_path)];

	*without = false;
	why[0] = '\0';
	strncpy(un.sun_path, path, sizeof(un.sun_path) - 1);
	folder_of(un.sun_path, folder);
	/* systemd and tmpfiles make it; a start by hand must not need them. */
	if (is_default && geteuid() == 0 && mkdir(folder, 0755) == 0)
		log_debug(NULL, "control: made %s", folder);
	if (access(folder, W_OK | X_OK) == 0)
		return make_socket(&un, why);
	*without = is_default && geteuid() != 0;
	snprintf(why, CONTROL_WHY_BYTES, "control = %s: %s: %s%s", path, folder, strerror(errno),
		 *without ? "; kcptunctl cannot be answered (control names another path, or none)"
			  : "");
	return -1;
}

bool control_same_socket(const char *a, const char *b)
{
	struct stat sa, sb;

	return lstat(a, &sa) == 0 && lstat(b, &sb) == 0 && S_ISSOCK(sa.st_mode) &&
	       sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}
