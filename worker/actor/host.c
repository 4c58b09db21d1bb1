/* Problems that a host finds in class files. */
#include "worker/actor/host.h"

#include <stdlib.h>

#include "common/memory.h"

void host_problem_add(struct host_problems *problems, struct bytes file, int line, const char *message)
{
	problems->list = memory_grow(problems->list, problems->count + 1, sizeof(*problems->list));
	problems->list[problems->count++] = (struct host_problem){
		.file = memory_copy(file.data, file.len), .line = line, .message = memory_text(message) };
}

void host_problems_fini(struct host_problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		free(problems->list[i].file);
		free(problems->list[i].message);
	}
	free(problems->list);
	*problems = (struct host_problems){ 0 };
}
