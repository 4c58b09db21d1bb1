/* Owns the numbers of the cluster protocol that this program talks. */
#include "proto/cluster.h"

uint32_t cluster_version(void)
{
	return 1;
}

uint32_t cluster_oldest(void)
{
	return 1;
}
