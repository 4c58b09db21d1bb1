/* The commands of the admin protocol, a row each. */
#include "proto/admin.h"

const struct admin_verb_row admin_verb_rows[] = {
	{ "status", ADMIN_OPERATE, 0, 0, "", "", "one page of facts about this node", "stagectl status" },
	{ "check", ADMIN_OPERATE, 1, 1, "alive|ready|store|quorum", "", "a health check, by its exit code",
	  "stagectl check ready" },
	{ "workers", ADMIN_OPERATE, 0, 0, "", "", "the processes of this node", "stagectl workers" },
	{ "actors", ADMIN_OPERATE, 0, 1, "[PATTERN]", "", "the actors in memory", "stagectl actors 'players.*'" },
	{ "sessions", ADMIN_OPERATE, 0, 0, "", "", "the client connections", "stagectl sessions" },
	{ "inspect", ADMIN_OPERATE, 1, 1, "ADDRESS", "", "one actor in memory: properties, mailbox, last errors",
	  "stagectl inspect players.42" },
	{ "shards", ADMIN_OPERATE, 0, 0, "", "", "which worker owns which shards", "stagectl shards" },
	{ "config", ADMIN_OPERATE, 0, 0, "", "origin", "the effective settings", "stagectl config origin=1" },
	{ "restart", ADMIN_ADMIN, 0, 0, "worker=N", "worker", "replace an actor worker gracefully, or bring it back",
	  "stagectl restart worker=0" },
	{ "reload", ADMIN_ADMIN, 0, 0, "", "", "read configuration and class files again", "stagectl reload" },
	{ "quarantine", ADMIN_ADMIN, 0, 0, "", "", "what is held back because it killed its worker", "stagectl quarantine" },
	{ "release", ADMIN_ADMIN, 1, 1, "ADDRESS", "", "free what is held of an actor", "stagectl release players.42" },
	{ "join", ADMIN_ADMIN, 1, -1, "ADDRESS[:PORT] [ADDRESS:PORT ...]", "", "become a node of the cluster that one of these belongs to",
	  "stagectl join 10.0.0.7" },
	{ "leave", ADMIN_ADMIN, 0, 0, "", "", "hand this node's shards over, leave the cluster and stop", "stagectl leave" },
	{ "remove", ADMIN_ADMIN, 1, 1, "NODE", "lose", "forget a node that is down for good; lose=1: and the actors on its disk",
	  "stagectl remove node3", "lose" },
	{ "members", ADMIN_OPERATE, 0, 0, "", "", "the nodes of the cluster", "stagectl members" },
	{ "drain", ADMIN_ADMIN, 0, 0, "", "deadline", "accept no clients, tell those that are there, move all shards away",
	  "stagectl drain deadline=30000" },
	{ "resume", ADMIN_ADMIN, 0, 0, "", "", "the end of a drain", "stagectl resume" },
	{ "op", ADMIN_ADMIN, 1, 1, "N", "", "attach again to a long operation", "stagectl op 17" },
	{ "auth", ADMIN_NOBODY, 1, 1, "TOKEN", "", "the first command over TCP", "auth TOKEN" },
	{ "help", ADMIN_OPERATE, 0, 1, "[COMMAND]", "", "what the commands are", "stagectl help inspect" },
	{ .word = NULL },
};

const struct admin_verb_row *admin_find(struct bytes word)
{
	for (const struct admin_verb_row *row = admin_verb_rows; row->word; row++)
		if (bytes_equal(word, bytes_of(row->word)))
			return row;
	return NULL;
}
