/* doc.h - the table of keys as documentation: sample file and manual page.
 *
 *     text.c        wrapping and marking up
 *     ini.c         conf/kcptun.ini
 *     mdoc.c        the key list of kcptun.ini(5)
 *     kcptun-doc.c  the program, of use at build time only                    */
#ifndef KT_DOC_H
#define KT_DOC_H

#include <stdio.h>

#include "config_manual.h"

/* ---- text.c -------------------------------------------------------------- */

/* Text in lines of at most `width` characters, each of which begins with `prefix`.  A word that
 * is longer stands alone. */
void doc_wrap(FILE *out, const char *prefix, int width, const char *text);
/* The same with each sentence on lines of its own, as mdoc wants it, `words` in bold and what is
 * special to it escaped. */
void doc_wrap_mdoc(FILE *out, int width, const char *text);
/* One word or name, escaped for mdoc. */
void doc_put_mdoc(FILE *out, const char *text);
/* "text" with its first letter as a capital, unless it begins with a key; malloc'd. */
char *doc_capital(const char *text);
/* malloc'd, or the end of the program. */
char *doc_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The names of the ciphers, those that only kcptund has or the others. */
char *doc_ciphers(bool ours);

/* ---- what is printed ----------------------------------------------------- */

void doc_ini(FILE *out);
void doc_mdoc(FILE *out);

#endif
