/* The figures of a run, as text for people or as one JSON object. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdio.h>

#include "tests/bench/load.h"

void report_text(const struct settings *settings, const struct load_result *result, FILE *out);
void report_json(const struct settings *settings, const struct load_result *result, FILE *out);

#endif
