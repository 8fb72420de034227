/* build_info.h - what this build has, and what goes without the rest. */
#ifndef KT_BUILD_INFO_H
#define KT_BUILD_INFO_H

#include <stdio.h>

/* The version, and a line each of the libraries that are in and those that were left out. */
void build_info_print(FILE *out);

#endif
