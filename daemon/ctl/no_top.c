/* no_top.c - what stands for the live view in a build without ncurses. */
#include "ctl.h"

#include <stdio.h>

int ctl_top(int argc, char **argv)
{
	fprintf(stderr,
		"kcptunctl: top: this kcptunctl was built without ncurses; --watch looks again and again\n");
	return CTL_REFUSED;
}
