"""Watches: snapshots, events, folding, resumption, and owners that change."""

import sys

import wire
from node import node, run, the_object


def _watches(stage, client, line, values, version=(1, 1)):
    client.says(line)
    asked = stage.workers[0].hears("watch")
    stage.workers[0].answers(asked, values, version)
    client.hears(f"{line.split()[0]} ok v={version[0]:x}:{version[1]} …")
    return asked


def each_watcher_hears_what_it_named(stage):
    alice, bob, worker = stage.client(), stage.client(), stage.workers[0]
    asked = _watches(stage, alice, "w watch a.1 hp,dead", {"hp": 100, "dead": False})
    assert asked.members == ["hp", "dead"] and asked.base is None
    _watches(stage, bob, "all watch a.1 *", {"hp": 100, "dead": False, "n": 0})
    worker.tells("a.1", (1, 2), {"n": 1})
    bob.hears('all evt v=1:2 {"n":1}')
    worker.tells("a.1", (1, 3), {"hp": 93, "n": 2})
    alice.hears('w evt v=1:3 {"hp":93}')
    bob.hears('all evt v=1:3 {"hp":93,"n":2}')
    worker.tells("a.1", (1, 4), {"dead": True}, removed=["n"])
    alice.hears('w evt v=1:4 {"dead":true}')
    bob.hears('all evt v=1:4 del=n {"dead":true}')


def a_newcomers_snapshot_is_no_news_to_others(stage):
    alice, bob, worker = stage.client(), stage.client(), stage.workers[0]
    _watches(stage, alice, "w watch a.1 hp,dead", {"hp": 1, "dead": False})
    worker.tells("a.1", (1, 2), {"n": 1})
    _watches(stage, bob, "w watch a.1 *", {"hp": 1, "dead": False, "n": 1}, (1, 2))
    worker.tells("a.1", (1, 3), {"hp": 2})
    alice.hears('w evt v=1:3 {"hp":2}')
    bob.hears('w evt v=1:3 {"hp":2}')


def one_sees_the_effect_of_ones_own_call(stage):
    alice, worker = stage.client(), stage.workers[0]
    _watches(stage, alice, "w watch a.1 hp min=60000", {"hp": 100})
    worker.tells("a.1", (1, 2), {"hp": 1})
    alice.hears('w evt v=1:2 {"hp":1}')
    worker.tells("a.1", (1, 3), {"hp": 2})
    worker.tells("a.1", (1, 4), {"hp": 3})
    alice.hears_nothing()  # min= has not passed …
    alice.says("1 call a.1 f")
    worker.answers(worker.hears("call"), 3, (1, 4))
    alice.hears('w evt v=1:4 n=2 {"hp":3}', "1 ok v=1:4 3")  # … but the promise wins


def min_spaces_events(stage):
    alice, worker = stage.client(), stage.workers[0]
    _watches(stage, alice, "w watch a.1 hp min=50", {"hp": 0})
    worker.sends(b"".join(wire.event("a.1", (1, i), {"hp": i}) for i in range(2, 12)))
    alice.hears('w evt v=1:2 {"hp":2}', 'w evt v=1:11 n=9 {"hp":11}')


def unwatch_is_the_end_of_it(stage):
    alice, bob, worker = stage.client(), stage.client(), stage.workers[0]
    _watches(stage, alice, "w watch a.1 hp", {"hp": 100})
    _watches(stage, bob, "w watch a.1 hp", {"hp": 100})
    alice.says("1 unwatch @ id=w", "2 unwatch @ id=w")
    alice.hears("1 ok", "2 err bad-arg …")
    worker.tells("a.1", (1, 2), {"hp": 1})
    bob.hears('w evt v=1:2 {"hp":1}')
    alice.hears_nothing()
    bob.closes()  # the last one: the owner is told
    assert worker.hears_type(wire.UNWATCH).address == "a.1"


def a_watch_without_its_answer_can_be_unwatched(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says("w watch a.1 hp", "1 unwatch @ id=w")
    asked = worker.hears("watch")
    alice.hears("w err cancelled", "1 ok")
    assert worker.hears_type(wire.UNWATCH).address == "a.1"
    worker.answers(asked, {"hp": 1}, (1, 1))
    worker.tells("a.1", (1, 2), {"hp": 2})
    assert worker.hears_type(wire.UNWATCH).address == "a.1"
    alice.hears_nothing()


@node(client_watches=2)
def watches_are_limited(stage):
    alice = stage.client()
    _watches(stage, alice, "1 watch a.1 x", {"x": 1})
    _watches(stage, alice, "2 watch a.1 x", {"x": 1})
    alice.says("3 watch a.1 x")
    alice.hears('3 err limit {"limit":"watches"}')
    alice.says("4 unwatch @ id=1")
    alice.hears("4 ok")
    _watches(stage, alice, "3 watch a.1 x", {"x": 1})


def a_watch_is_resumed(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says("w watch a.1 hp,dead v=3f:128", "x watch a.2 hp v=3f:128")
    asked = worker.hears("watch", "a.1")
    assert asked.base == (0x3f, 128)
    worker.answers(asked, {"hp": 5}, (0x3f, 130), resumed=True)
    worker.answers(worker.hears("watch", "a.2"), {"hp": 6}, (0x40, 1))
    alice.hears('w ok base=3f:128 v=3f:130 {"hp":5}', 'x ok v=40:1 {"hp":6}')


def a_destroyed_actor_ends_its_watches(stage):
    alice, worker = stage.client(), stage.workers[0]
    _watches(stage, alice, "w watch a.1 hp", {"hp": 100})
    worker.tells("a.1", (1, 2), kind=wire.END, code="gone")
    alice.hears("w end gone")
    worker.hears_type(wire.UNWATCH)
    _watches(stage, alice, "w watch a.1 hp", {"hp": 100}, (2, 1))


def a_reloaded_class_snaps(stage):
    alice, worker = stage.client(), stage.workers[0]
    _watches(stage, alice, "w watch a.1 *", {"hp": 100, "old": 1})
    worker.tells("a.1", (2, 2), {"hp": 100, "new": 2}, kind=wire.SNAPSHOT)
    alice.hears('w snap v=2:2 {"hp":100,"new":2}')


@node(client_conflate="4K")
def a_slow_reader_ends_at_the_latest_value(stage):
    alice, bob, worker = stage.client(receive_buffer=4096), stage.client(), stage.workers[0]
    _watches(stage, alice, "w watch a.1 *", {"hp": 0, "text": ""})
    _watches(stage, bob, "w watch a.1 hp", {"hp": 0})
    last = 400
    for i in range(2, last):
        worker.tells("a.1", (1, i), {"text": "x" * 30000, "hp": i})
        bob.hears(f'w evt v=1:{i} {{"hp":{i}}}')
    lines, folded = 0, 0
    while True:
        line = alice.line()
        lines += 1
        folded += int(line.split(" n=")[1].split()[0]) if " n=" in line else 1
        if line.startswith(f"w evt v=1:{last - 1} "):
            break
    assert the_object(line)["hp"] == last - 1
    assert folded == last - 2 and lines < folded, (lines, folded)


# --- owners that change ---

def a_watch_outlives_its_worker(stage):
    alice, worker = stage.client(), stage.workers[0]
    _watches(stage, alice, "w watch a.1 hp", {"hp": 100}, (7, 5))
    _watches(stage, alice, "x watch a.1 dead", {"dead": False}, (7, 5))
    worker.dies()
    alice.says("1 call a.1 f")
    worker = stage.restarts_worker(0)
    asked = worker.hears("watch", "a.1")  # one for all, and before anything can change it
    assert asked.base == (7, 5) and asked.members is None and asked.epoch == 2
    worker.answers(asked, {"hp": 1}, (7, 6), resumed=True)
    worker.answers(worker.hears("call", "a.1"), 0, (7, 6))
    alice.hears('w evt v=7:6 {"hp":1}', "1 ok v=7:6 0")
    worker.tells("a.1", (7, 7), {"dead": True})
    alice.hears('x evt v=7:7 {"dead":true}')


def without_continuity_it_starts_anew(stage):
    alice, worker = stage.client(), stage.workers[0]
    _watches(stage, alice, "w watch a.1 hp", {"hp": 100}, (7, 500))
    worker.dies()
    worker = stage.restarts_worker(0)
    worker.answers(worker.hears("watch"), {"hp": 100, "n": 1}, (8, 3))
    alice.hears('w snap v=8:3 {"hp":100}')
    worker.tells("a.1", (8, 4), {"hp": 1})
    alice.hears('w evt v=8:4 {"hp":1}')


def an_owner_that_cannot_answer_now_is_asked_again(stage):
    alice, worker = stage.client(), stage.workers[0]
    _watches(stage, alice, "w watch a.1 hp", {"hp": 100}, (7, 5))
    worker.dies()
    worker = stage.restarts_worker(0)
    for code in ("busy", "internal", "moved"):
        worker.answers(worker.hears("watch"), code=code)
    worker.answers(worker.hears("watch"), {"hp": 1}, (7, 6), resumed=True)
    alice.hears('w evt v=7:6 {"hp":1}')


def _begins_anew(stage, client, line, values, version):
    """The worker has begun anew and cannot yet say what has changed; but it answers a client
    who begins to watch meanwhile."""
    stage.workers[0].dies()
    worker = stage.restarts_worker(0)
    client.says(line)
    while (asked := worker.hears("watch")).base:
        worker.answers(asked, code="busy")
    worker.answers(asked, values, version)
    return worker


def _hears_of_the_gap(worker, values, version):
    """The gateway's own question; what newcomers ask before it is answered."""
    while not (asked := worker.hears("watch")).base:
        worker.answers(asked, values, version)
    return asked


def a_newcomer_does_not_hide_the_gap(stage):
    alice, bob = stage.client(), stage.client()
    _watches(stage, alice, "w watch a.1 hp", {"hp": 100}, (7, 5))
    worker = _begins_anew(stage, bob, "w watch a.1 n", {"n": 1}, (7, 9))
    worker.tells("a.1", (7, 10), {"n": 2})
    bob.hears_nothing()  # it begins where the others are
    asked = _hears_of_the_gap(worker, {"n": 2}, (7, 10))
    assert asked.base == (7, 5)
    worker.answers(asked, {"hp": 1, "n": 2}, (7, 10), resumed=True)
    alice.hears('w evt v=7:10 {"hp":1}')
    worker.answers(worker.hears("watch"), {"n": 2}, (7, 10))
    bob.hears('w ok v=7:10 {"n":2}')
    worker.tells("a.1", (7, 11), {"n": 3})
    bob.hears('w evt v=7:11 {"n":3}')
    alice.hears_nothing()


def a_change_after_the_gap_does_not_hide_it(stage):
    alice, bob = stage.client(), stage.client()
    _watches(stage, alice, "w watch a.1 hp,mp", {"hp": 100, "mp": 100}, (7, 5))
    worker = _begins_anew(stage, bob, "w watch a.1 n", {"n": 1}, (7, 9))
    worker.tells("a.1", (7, 10), {"hp": 2})
    asked = _hears_of_the_gap(worker, {"n": 1}, (7, 10))
    worker.answers(asked, {"hp": 2, "mp": 3, "n": 1}, (7, 10), resumed=True)
    alice.hears('w evt v=7:10 {"hp":2,"mp":3}')


@node(workers=2)
def nor_for_actors_of_another_worker(stage):
    target = stage.address(worker=0)
    bob, asker = stage.client(), stage.workers[1]
    asker.sends(wire.request(1, "watch", target))
    stage.workers[0].answers(stage.workers[0].hears("watch"), {"hp": 100, "mp": 100}, (7, 5))
    asker.hears_type(wire.REPLY)
    worker = _begins_anew(stage, bob, f"w watch {target} n", {"n": 1}, (7, 9))
    worker.tells(target, (7, 10), {"hp": 2})
    asked = _hears_of_the_gap(worker, {"n": 1}, (7, 10))
    worker.answers(asked, {"hp": 2, "mp": 3, "n": 1}, (7, 10), resumed=True)
    assert asker.hears_type(wire.EVENT).changed == {"hp": 2, "mp": 3, "n": 1}


def a_newcomer_may_give_up_waiting(stage):
    alice, bob = stage.client(), stage.client()
    _watches(stage, alice, "w watch a.1 hp", {"hp": 100}, (7, 5))
    worker = _begins_anew(stage, bob, "w watch a.1 hp", {"hp": 1}, (7, 9))
    bob.says("1 unwatch @ id=w")
    bob.hears("w err cancelled", "1 ok")
    asked = _hears_of_the_gap(worker, {"hp": 1}, (7, 9))
    worker.answers(asked, {"hp": 1}, (7, 9), resumed=True)
    alice.hears('w evt v=7:9 {"hp":1}')


def a_class_that_is_gone_ends_it(stage):
    alice, worker = stage.client(), stage.workers[0]
    _watches(stage, alice, "w watch a.1 hp", {"hp": 100}, (7, 5))
    worker.dies()
    worker = stage.restarts_worker(0)
    worker.answers(worker.hears("watch"), code="no-actor")
    alice.hears("w end gone")


def a_worker_that_dies_again_is_asked_once(stage):
    alice, worker = stage.client(), stage.workers[0]
    _watches(stage, alice, "w watch a.1 hp", {"hp": 100}, (7, 5))
    worker.dies()
    worker = stage.restarts_worker(0)
    worker.hears("watch")
    worker.dies()
    worker = stage.restarts_worker(0)
    worker.answers(worker.hears("watch"), {"hp": 1}, (7, 6), resumed=True)
    alice.hears('w evt v=7:6 {"hp":1}')
    alice.says("1 get a.1 x")
    worker.hears("get")  # and not a second watch
    alice.hears_nothing()


@node(workers=2)
def a_watch_follows_its_shard(stage):
    target = stage.address(worker=0)
    alice, (old, new) = stage.client(), stage.workers
    alice.says(f"w watch {target} hp")
    old.answers(old.hears("watch"), {"hp": 1}, (1, 1))
    alice.hears('w ok v=1:1 {"hp":1}')
    stage.moves(lambda *_: 1)
    asked = new.hears("watch", target)
    assert asked.base == (1, 1)
    new.answers(asked, {"hp": 2}, (1, 2), resumed=True)
    alice.hears('w evt v=1:2 {"hp":2}')


def another_numbering_leads_to_a_snapshot(stage):
    alice, worker = stage.client(), stage.workers[0]
    _watches(stage, alice, "w watch a.1 hp", {"hp": 100}, (7, 50))
    worker.tells("a.1", (8, 1), {"hp": 3})
    asked = worker.hears("watch")
    assert asked.base == (7, 50)
    worker.answers(asked, {"hp": 3, "n": 0}, (8, 1))
    alice.hears('w snap v=8:1 {"hp":3}')


def another_numbering_that_a_newcomer_is_told_of_leads_to_a_snapshot(stage):
    alice, bob, worker = stage.client(), stage.client(), stage.workers[0]
    _watches(stage, alice, "w watch a.1 hp", {"hp": 100}, (7, 500))
    bob.says("w watch a.1 n")
    worker.answers(worker.hears("watch"), {"n": 1}, (8, 3))   # it has been out of memory
    worker.tells("a.1", (8, 4), {"hp": 2})
    asked = worker.hears("watch")
    assert asked.base == (7, 500)
    worker.answers(asked, {"hp": 2, "n": 1}, (8, 4))
    alice.hears('w snap v=8:4 {"hp":2}')
    worker.answers(worker.hears("watch"), {"n": 1}, (8, 4))
    bob.hears('w ok v=8:4 {"n":1}')
    worker.tells("a.1", (8, 5), {"hp": 3, "n": 2})
    alice.hears('w evt v=8:5 {"hp":3}')
    bob.hears('w evt v=8:5 {"n":2}')


def a_numbering_that_is_lost_again_is_told_nobody(stage):
    alice, bob = stage.client(), stage.client()
    _watches(stage, alice, "w watch a.1 hp", {"hp": 100}, (7, 5))
    worker = _begins_anew(stage, bob, "w watch a.1 hp", {"hp": 1}, (8, 1))
    worker.dies()                             # and what it has begun with it
    worker = stage.restarts_worker(0)
    worker.answers(_hears_of_the_gap(worker, {"hp": 2}, (7, 6)), {"hp": 2}, (7, 6), resumed=True)
    alice.hears('w evt v=7:6 {"hp":2}')
    worker.answers(worker.hears("watch"), {"hp": 2}, (7, 6))
    bob.hears('w ok v=7:6 {"hp":2}')


run(sys.modules[__name__])
