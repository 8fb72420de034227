/* ctl_import.h - kcptun's JSON files as one kcptun.ini. */
#ifndef KT_CTL_IMPORT_H
#define KT_CTL_IMPORT_H

#include <stddef.h>

#include "config.h"

/* The text of a kcptun.ini with one tunnel for each file, which passes config_read_text(); malloc'd,
 * to be wiped.  NULL when there was a fault.  What has no counterpart is warned of.  A key that no INI
 * file can hold as it is goes to NAME.key in the working folder, readable for its owner only, with a
 * warning; a file of that name with other content is a fault. */
char *import_files(const char *const *paths, size_t count, conf_report_fn *report, void *user);

#endif
