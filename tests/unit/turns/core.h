/* A whole actor worker without processes: a fake host with scripted methods, captured
 * frames, and a clock that the test moves. */
#ifndef TESTS_UNIT_TURNS_CORE_H
#define TESTS_UNIT_TURNS_CORE_H

#include "worker/actor/worker.h"

/* One class `things.{id}` (and `loops.{id}`, reentrant), with the properties n (0),
 * name (""), writable and checked (at most 20 bytes), and _hidden (0). Methods:
 * add [k] -> n + k; boom: adds 1, then fails; spin: never ends; toil: fails after 3 ms; nap [ms]: adds 1, sleeps,
 * adds 1; ask [address, method]: calls and returns the answer; tell [address, k]: tells add;
 * bye: destroys; follow [address]: watches its n with note; note [v]: n = v. */
void core_init(void);
void core_fini(void);
/* The same as cmocka wants them. */
int core_set_up(void **state);
int core_tear_down(void **state);

extern struct worker core_worker;
extern uint64_t core_now_ms;

/* The classes' durability; `things.{id}` begins as CLASS_COMMIT. */
void core_set_durability(enum class_durability durability);
/* A reload: `things.{id}` anew, of this durability. */
void core_reload(enum class_durability durability);

/* A request as gateway `peer` would send it. members and payload as JSON text, NULL: nil. */
void core_send(uint16_t peer, uint32_t rid, enum ipc_verb verb, const char *address,
               const char *members, const char *payload);
void core_send_full(uint16_t peer, const struct ipc_request *request);

/* A new shard map: the shard of this address (NULL: every shard) belongs to a worker (this one
 * is 0), or (worker CONTROL_NO_WORKER) is let go by `leaving`, in this epoch. It was worker 0's
 * in epoch 1. */
void core_move(const char *address, uint16_t worker, uint16_t leaving, uint32_t epoch);
/* A worker begins while its predecessor was letting all shards go. */
void core_begin_leaving(void);
/* The gateway says that it knows the newest map. */
void core_mark(uint16_t peer);
/* It asks for an end of handing back. */
void core_fence(uint16_t peer);
/* It says that all that the worker had sent before has gone on. */
void core_sync(uint16_t peer);
/* How many shards the worker has told to be free since the last call. */
unsigned core_released(void);

/* Loop turns until nothing is left to run, at most `most`. */
void core_run(unsigned most);
void core_advance(uint64_t ms);

/* What reached the gateways, one line per frame, oldest first; forgotten by the call:
 * `0 reply 7 ok v1 5`, `0 event things.1 v2 {"n":1}`, `1 reply 9 conflict {"v":"…"}`.
 * NULL where there is none. Epochs are left out. */
const char *core_next_frame(void);
extern uint32_t core_asked_rid; /* of the last request among them */
/* The next one is this; there is none. */
void core_expect_frame(const char *wanted);
void core_expect_silence(void);

/* What reached the store: `load things.1`, `batch 1 things.1{"n":1,…}`, `reset 1`. */
const char *core_next_store_frame(void);

/* Of the first record of the next such frame, which is a batch: the epoch that it says. */
uint32_t core_stored_epoch(void);

/* The store's side, of the last load. found: a record, NULL: there is none. */
void core_store_loaded(enum error_code code, const char *found);
void core_store_found(struct bytes record);
void core_store_committed(uint64_t seq, enum error_code code);
/* Answers everything that comes by itself: nothing stored, every batch committed. */
void core_store_automatic(bool on);

#endif
