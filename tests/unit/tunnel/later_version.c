/* The numbers of a program that is one version on; $LATER_OLDEST says what it still talks. */
#include <stdlib.h>

#include "proto/cluster.h"

uint32_t cluster_version(void)
{
	return 2;
}

uint32_t cluster_oldest(void)
{
	return getenv("LATER_OLDEST") != NULL ? (uint32_t)atoi(getenv("LATER_OLDEST")) : 1;
}
