/* Owns stage-bench from its command line to its exit code. */
#include <errno.h>
#include <stdio.h>

#include "tests/bench/load.h"
#include "tests/bench/report.h"

int main(int argc, char **argv)
{
	static struct load_result result; /* histograms are large */
	struct settings settings;
	int code;

	if (!settings_parse(argc, argv, &settings, &code))
		return code;
	if (load_run(&settings, &result) < 0)
		return 1;
	(settings.json ? report_json : report_text)(&settings, &result, stdout);
	if (fflush(stdout) != 0)
		return 1;
	/* Errors are a result; wrong answers and an empty result are failures. */
	return result.tally.wrong > 0 || result.tally.all.count == 0 ? 1 : 0;
}
