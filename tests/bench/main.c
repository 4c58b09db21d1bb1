/* Owns stage-bench from its command line to its exit code. */
#include <errno.h>
#include <stdio.h>

#include "tests/bench/load.h"
#include "tests/bench/report.h"

int main(int argc, char **argv)
{
	static struct load_result result; /* histograms are large */
	struct options options;
	int code;

	if (!options_parse(argc, argv, &options, &code))
		return code;
	if (load_run(&options, &result) < 0)
		return 1;
	(options.json ? report_json : report_text)(&options, &result, stdout);
	if (fflush(stdout) != 0)
		return 1;
	/* Errors are a result; wrong answers and an empty result are failures. */
	return result.tally.wrong > 0 || result.tally.all.count == 0 ? 1 : 0;
}
