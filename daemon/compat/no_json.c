/* no_json.c - what stands for kcptun's JSON files in a build without jansson. */
#include "compat.h"

void compat_json_file(struct compat *c, const char *path)
{
	compat_say(c, CONF_ERROR, "c",
		   "%.200s is not read: this kcptund was built without jansson; give flags", path);
}
