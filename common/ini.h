/* Reads settings from ini files, fragments and the environment into a config,
 * collecting every problem with its file and line. */
#ifndef COMMON_INI_H
#define COMMON_INI_H

#include "common/config.h"

#define INI_LINE_MAX 4096 /* bytes; a longer line is an error */

/* file NULL: the default file (/etc/stage/stage.ini) if there is one. Then
 * `stage.d` beside the file, *.ini in order of their names, then STAGE_SECTION_KEY.
 * Each problem is one line in errors: `FILE:LINE: unknown key 'lisen' in [client]
 * (did you mean 'listen'?)`. 0, or -EINVAL where there was any, -ENOENT and the
 * like where file was named and cannot be read. */
int ini_load(struct config *c, const char *file, struct buffer *errors);

/* One stream, for tests and fuzzing; name stands in the messages. */
int ini_parse_text(struct config *c, const char *name, struct bytes text,
                   enum config_origin origin, struct buffer *errors);

#endif
