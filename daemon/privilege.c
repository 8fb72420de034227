/* privilege.c - whom the process is, when root starts it, and what that user can read.
 *
 * Root becomes another before any socket of a tunnel is opened, and keeps the right to bind ports below
 * 1024, and to set marks where tunnels have them: else a reload could open less than the start could, and what the start made would belong to
 * root. */
#include "privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include "log.h"

/* Whom to become. */
struct person {
	const char *name, *group_name;
	uid_t uid;
	gid_t gid;
};

/* ---- the rights that are kept --------------------------------------------------------- */

#ifdef __linux__

/* What a change of user would take away; it is given up by keep_rights(). */
static bool begin_keeping(void)
{
	return prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L) == 0;
}

/* Of all rights these alone, as far as they are there: a container may not have them. */
static bool keep_rights(bool marks)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = { 0 };
	uint32_t kept = 1u << CAP_NET_BIND_SERVICE | (uint32_t)marks << CAP_NET_ADMIN;

	if (syscall(SYS_capget, &head, caps) != 0)
		return false;
	kept &= caps[0].permitted;
	memset(caps, 0, sizeof(caps));
	caps[0].permitted = caps[0].effective = kept;
	return syscall(SYS_capset, &head, caps) == 0 && prctl(PR_SET_KEEPCAPS, 0L, 0L, 0L, 0L) == 0 &&
	       prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) == 0;
}

#else

static bool begin_keeping(void)
{
	return true;
}

static bool keep_rights(bool marks)
{
	(void)marks;
	return true;
}

#endif

/* ---- becoming another ----------------------------------------------------------------- */

/* What the library has of users is overwritten by its next answer: the names are those of `d` and of
 * `buf`. */
static bool find_person(struct person *p, const char *user, const char *group, char *buf, size_t cap)
{
	const struct passwd *pw = getpwnam(user);
	const struct group *g;

	if (pw == NULL)
		return false;
	p->name = user;
	p->uid = pw->pw_uid;
	p->gid = pw->pw_gid;
	g = group != NULL ? getgrnam(group) : getgrgid(p->gid);
	if (g == NULL && group != NULL)
		return false;
	if (g != NULL)
		p->gid = g->gr_gid;
	snprintf(buf, cap, "%s", g != NULL ? g->gr_name : user);
	p->group_name = buf;
	return true;
}

static bool become(const struct person *p)
{
	return initgroups(p->name, p->gid) == 0 && setresgid(p->gid, p->gid, p->gid) == 0 &&
	       setresuid(p->uid, p->uid, p->uid) == 0;
}

/* Only what is made here is given away: another folder is somebody's. */
static void make_statedir(const char *path, const struct person *p)
{
	if (path == NULL || mkdir(path, 0700) != 0)
		return; /* why it cannot be used is told by who uses it */
	if (lchown(path, p->uid, p->gid) != 0)
		log_warn(NULL, "statedir = %s: cannot give it to %s: %s", path, p->name,
			 strerror(errno));
}

/* It may be removed by its user when the daemon stops, if the folder is its own as well; the group is
 * that of those who may ask. */
static void give_control(const char *path, const struct person *p)
{
	static const char builtin[] = CONF_CONTROL_DEFAULT;
	char folder[sizeof(builtin)];
	struct stat st;

	if (path == NULL || lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return;
	if (lchown(path, p->uid, (gid_t)-1) != 0)
		log_warn(NULL, "control = %s: cannot give it to %s: %s", path, p->name,
			 strerror(errno));
	if (strcmp(path, builtin) != 0)
		return;
	/* the folder is ours, too; of others nothing is known */
	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(builtin, '/') - builtin), builtin);
	if (lchown(folder, p->uid, (gid_t)-1) != 0)
		log_warn(NULL, "control = %s: cannot give %s to %s: %s", path, folder, p->name,
			 strerror(errno));
}

static bool is_another(const struct conf_daemon *d)
{
	const struct passwd *pw = getpwnam(d->user);

	return pw == NULL || pw->pw_uid != geteuid();
}

static bool any_mark(const struct config *c)
{
	for (size_t i = 0; i < c->tunnel_count; i++)
		if (c->tunnels[i]->fwmark != 0)
			return true;
	return false;
}

bool privilege_drop(const struct config *c)
{
	const struct conf_daemon *d = &c->daemon;
	char group[256];
	struct person p;

	if (d->user == NULL)
		return true;
	if (geteuid() != 0) {
		if (is_another(d))
			log_warn(NULL, "user = %s has no effect: only root can become another",
				 d->user);
		return true;
	}
	if (!find_person(&p, d->user, d->group, group, sizeof(group))) {
		log_err(NULL, "user = %s: there is no such user or group any more", d->user);
		return false;
	}
	if (p.uid == 0)
		return true;
	make_statedir(d->statedir, &p);
	give_control(d->control, &p);
	if (begin_keeping() && become(&p) && keep_rights(any_mark(c))) {
		log_info(NULL, "running as user %s, group %s", p.name, p.group_name);
		return true;
	}
	log_err(NULL, "user = %s: cannot become that user: %s", d->user, strerror(errno));
	return false;
}

/* ---- what another can read ------------------------------------------------------------ */

struct look {
	const struct person *person;
	conf_report_fn *report;
	void *user;
};

static void tell(const struct look *l, const struct conf_opened *file, const char *folder, int err)
{
	const char *otherwise = file->may_be_credential
					? ", unless LoadCredential= of the unit has it"
					: "";
	const char *path = file->path;
	const struct person *p = l->person;
	const char *closed = folder != NULL ? folder : path;
	char *line;
	int n;

	if (err != EACCES)
		n = asprintf(&line, "%s: as user %s: cannot be opened: %s", path, p->name,
			     strerror(err));
	else if (folder != NULL)
		n = asprintf(&line,
			     "%s: as user %s: the folder %s cannot be entered or read: %s; chgrp %s %s "
			     "and chmod 750 it%s",
			     path, p->name, folder, strerror(err), p->group_name, closed, otherwise);
	else
		n = asprintf(&line,
			     "%s: as user %s: cannot be opened: %s; chgrp %s %s and chmod 640 it%s",
			     path, p->name, strerror(err), p->group_name, closed, otherwise);
	if (n < 0)
		return;
	l->report(l->user, CONF_WARNING, line);
	free(line);
}

/* The first folder on the way that bars it; NULL: none does, it is the file itself.  `real` is
 * absolute, and cut there. */
static const char *closed_folder(char *real)
{
	for (char *p = real; (p = strchr(p, '/')) != NULL; p++) {
		char kept = p[1];

		p[1] = '\0'; /* "/", "/etc/": with its slash a folder or nothing */
		if (access(real, X_OK) != 0) {
			if (p > real)
				*p = '\0';
			return real;
		}
		p[1] = kept;
	}
	return NULL;
}

/* In a process that is that user. */
static void look_at(const struct look *l, const struct conf_opened *file, char *real)
{
	int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err = errno;
	const char *folder;

	if (fd >= 0) {
		close(fd);
		return;
	}
	folder = err == EACCES && real != NULL ? closed_folder(real) : NULL;
	tell(l, file, folder != NULL ? folder : file->is_folder ? file->path : NULL, err);
}

static void look_at_all(const struct config *c, const struct look *l, char **reals)
{
	if (!become(l->person))
		return;
	for (size_t i = 0; i < config_file_count(c); i++) {
		struct conf_opened file = config_file(c, i);

		look_at(l, &file, reals[i]);
	}
}

/* Where links lead is found out by who can: the other may not see it. */
static char **find_reals(const struct config *c)
{
	char **reals = calloc(config_file_count(c) + 1, sizeof(char *));

	for (size_t i = 0; reals != NULL && i < config_file_count(c); i++)
		reals[i] = realpath(config_file(c, i).path, NULL);
	return reals;
}

static void free_reals(const struct config *c, char **reals)
{
	for (size_t i = 0; reals != NULL && i < config_file_count(c); i++)
		free(reals[i]);
	free(reals);
}

/* Only who is that user knows what he can read: there are lists of access, too, and file systems with
 * rules of their own. */
void privilege_check(const struct config *c, conf_report_fn *report, void *user)
{
	const char *name = c->daemon.user != NULL ? c->daemon.user : PRIVILEGE_SERVICE_USER;
	const char *of_user = c->daemon.user != NULL ? c->daemon.group
						     : NULL; /* else it has no effect */
	char group[256], **reals;
	struct person p;
	struct look l = { .person = &p, .report = report, .user = user };
	pid_t pid;

	if (geteuid() != 0 || !find_person(&p, name, of_user, group, sizeof(group)) || p.uid == 0)
		return;
	reals = find_reals(c);
	pid = reals != NULL ? fork() : -1;
	if (pid == 0) {
		look_at_all(c, &l, reals);
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	free_reals(c, reals);
}
