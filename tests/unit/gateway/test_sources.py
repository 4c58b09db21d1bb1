"""Watches while their actors move between nodes: whose word is taken, and that nothing is missed."""

import sys
import time

import wire
from node import run, waits_until
from nodes import abroad, asked_here, heard_lost


def a_watch_follows_its_actor_from_node_to_node(stage):
    link, alice = abroad(stage), stage.client()
    alice.says("w watch a.1 x")
    link.answers(link.hears("watch"), {"x": 1}, (1, 1))
    alice.hears('w ok v=1:1 {"x":1}')
    link.tells("a.1", (1, 2), {"x": 2})
    alice.hears('w evt v=1:2 {"x":2}')
    stage.moves_here(4)
    asked = stage.workers[0].hears("watch", "a.1")
    assert asked.base == (1, 2)
    link.tells("a.1", (1, 3), {"x": 3})       # the former owner's last word is late
    alice.hears('w evt v=1:3 {"x":3}')
    stage.workers[0].answers(asked, {"x": 3}, (1, 3), resumed=True)
    stage.workers[0].tells("a.1", (1, 4), {"x": 4})
    alice.hears('w evt v=1:4 {"x":4}')


def a_watch_that_a_former_owner_answers_is_asked_anew(stage):
    link, alice = abroad(stage), stage.client()
    alice.says("w watch a.1 x")
    asked = link.hears("watch")
    stage.moves_here(4)
    link.answers(asked, {"x": 1}, (1, 1))
    stage.workers[0].answers(stage.workers[0].hears("watch", "a.1"), {"x": 2}, (1, 2))
    alice.hears('w ok v=1:2 {"x":2}')
    stage.workers[0].tells("a.1", (1, 3), {"x": 3})
    alice.hears('w evt v=1:3 {"x":3}')


def a_watch_for_another_node_that_a_former_owner_answers_goes_on_at_the_next(stage):
    asker = asked_here(stage)
    asker.sends(wire.request(1, "watch", "a.1", epoch=3 << 32))
    asked = stage.workers[0].hears("watch")
    stage.moves(lambda *_: (0, 3 << 32 | 6))          # the worker here has begun anew
    stage.workers[0].answers(asked, {"x": 1}, (1, 1))
    stage.workers[0].answers(stage.workers[0].hears("watch", "a.1"), {"x": 2}, (1, 2))
    assert asker.hears_type(wire.REPLY).payload == {"x": 2}
    stage.workers[0].tells("a.1", (1, 3), {"x": 3})
    assert asker.hears_type(wire.EVENT).changed == {"x": 3}


def what_a_former_owner_says_of_another_numbering_is_the_past(stage):
    link, alice = abroad(stage), stage.client()
    alice.says("w watch a.1 x")
    link.answers(link.hears("watch"), {"x": 5}, (1, 5))
    alice.hears('w ok v=1:5 {"x":5}')
    stage.moves_here(4)
    asked = stage.workers[0].hears("watch", "a.1")
    for kind in (wire.SNAPSHOT, wire.CHANGE, wire.END):
        link.tells("a.1", (7, 1), {"x": 1}, kind=kind)
    for _ in range(2):
        assert link.hears_type(wire.UNWATCH).address == "a.1"
    stage.workers[0].answers(asked, {"x": 6}, (1, 6), resumed=True)
    alice.hears('w evt v=1:6 {"x":6}')
    link.tells("a.1", (7, 1), {"x": 1}, kind=wire.SNAPSHOT)
    link.hears_type(wire.UNWATCH)
    alice.hears_nothing()


def a_former_owners_old_state_does_not_end_a_new_one(stage):
    link, alice = abroad(stage), stage.client()
    stage.node_is(1)
    other = stage.node_linked(1)
    alice.says("w watch a.1 x")
    link.answers(link.hears("watch"), {"x": 5}, (1, 5))
    alice.hears('w ok v=1:5 {"x":5}')
    stage.moves_to_node(1, 4)
    asked = other.hears("watch", "a.1")
    stage.moves_here(5)
    other.answers(asked, {"x": 1}, (9, 1))
    asked = stage.workers[0].hears("watch", "a.1")
    assert asked.base == (1, 5)
    stage.workers[0].answers(asked, {"x": 6}, (1, 6), resumed=True)
    alice.hears('w evt v=1:6 {"x":6}')


def _two_nodes(stage, line, values):
    """A watch of node 0's actor; the links to node 0 and to node 1."""
    link, alice = abroad(stage), stage.client()
    stage.node_is(1)
    other = stage.node_linked(1)
    alice.says(line)
    link.answers(link.hears("watch"), values, (1, 1))
    alice.hears("w ok v=1:1 …")
    return link, other, alice


def who_passes_on_what_the_owner_says_does_not_overtake_it(stage):
    link, other, alice = _two_nodes(stage, "w watch a.1 x,y", {"x": 1, "y": 1})
    stage.moves_to_node(1, 4)
    other.answers(other.hears("watch"), {"x": 2}, (1, 2), resumed=True)
    alice.hears('w evt v=1:2 {"x":2}')
    link.tells("a.1", (1, 4), {"x": 4})       # it watches there itself, for others
    assert link.hears_type(wire.UNWATCH).address == "a.1"
    other.tells("a.1", (1, 3), {"y": 3})
    other.tells("a.1", (1, 4), {"x": 4})
    alice.hears('w evt v=1:3 {"y":3}', 'w evt v=1:4 {"x":4}')


def an_owner_anew_is_not_heard_before_it_has_answered(stage):
    link, other, alice = _two_nodes(stage, "w watch a.1 x,y", {"x": 1, "y": 1})
    bob = stage.client()
    stage.moves_to_node(1, 4)
    other.answers(other.hears("watch"), code="busy")
    stage.moves_to_node(0, 5)
    bob.says("w watch a.1 x")
    while (asked := link.hears("watch")).base:
        link.answers(asked, code="busy")
    bob.says("1 unwatch @ id=w")
    bob.hears("w err cancelled", "1 ok")
    link.answers(asked, {"x": 8}, (1, 8))     # for nobody, but events begin here
    link.tells("a.1", (1, 9), {"x": 9})
    asked = link.hears("watch")
    assert asked.base == (1, 1)
    link.answers(asked, {"x": 9, "y": 8}, (1, 9), resumed=True)
    alice.hears('w evt v=1:9 {"x":9,"y":8}')


def a_new_link_is_not_heard_before_its_answer(stage):
    link, alice = abroad(stage), stage.client()
    alice.says("w watch a.1 x,y")
    link.answers(link.hears("watch"), {"x": 1, "y": 1}, (1, 1))
    alice.hears("w ok v=1:1 …")
    link.dies()
    waits_until(lambda: heard_lost(stage), "word of the lost link")
    link = stage.node_linked(0)
    asked = link.hears("watch")
    link.tells("a.1", (1, 5), {"x": 5})
    link.answers(asked, {"x": 5, "y": 4}, (1, 5), resumed=True)
    alice.hears('w evt v=1:5 {"x":5,"y":4}')


def last_words_count_until_the_successor_has_answered_somebody(stage):
    link, alice, bob, worker = abroad(stage), stage.client(), stage.client(), stage.workers[0]
    alice.says("w watch a.1 x")
    link.answers(link.hears("watch"), {"x": 1}, (1, 1))
    alice.hears('w ok v=1:1 {"x":1}')
    stage.moves_here(4)
    worker.answers(worker.hears("watch"), code="busy")
    link.tells("a.1", (1, 2), {"x": 2})
    alice.hears('w evt v=1:2 {"x":2}')
    bob.says("w watch a.1 x")
    while (asked := worker.hears("watch")).base:
        worker.answers(asked, code="busy")
    worker.answers(asked, {"x": 9}, (1, 9))
    while not (asked := worker.hears("watch")).base:
        worker.answers(asked, {"x": 9}, (1, 9))
    link.tells("a.1", (1, 3), {"x": 3})
    assert link.hears_type(wire.UNWATCH).address == "a.1"
    worker.answers(asked, {"x": 9}, (1, 9), resumed=True)
    alice.hears('w evt v=1:9 {"x":9}')
    worker.answers(worker.hears("watch"), {"x": 9}, (1, 9))
    bob.hears('w ok v=1:9 {"x":9}')


def last_words_that_nobody_has_stored_are_taken_back(stage):
    link, alice, worker = abroad(stage), stage.client(), stage.workers[0]
    alice.says("w watch a.1 x")
    link.answers(link.hears("watch"), {"x": 1}, (1, 1))
    alice.hears('w ok v=1:1 {"x":1}')
    stage.moves_here(4)
    asked = worker.hears("watch")
    link.tells("a.1", (1, 2), {"x": 2})
    alice.hears('w evt v=1:2 {"x":2}')
    worker.answers(asked, {}, (1, 1), resumed=True)
    asked = worker.hears("watch")
    assert asked.base == (1, 2)
    worker.answers(asked, {"x": 1}, (1, 1))
    alice.hears('w snap v=1:1 {"x":1}')


def what_does_not_go_on_from_what_is_held_is_the_last_of_a_former_owner(stage):
    link, _, alice = _two_nodes(stage, "w watch a.1 x,y", {"x": 1, "y": 1})
    stage.moves_to_node(0, 5)                 # for a moment it was another's
    asked = link.hears("watch")
    link.tells("a.1", (1, 6), {"x": 6, "y": 6}, kind=wire.SNAPSHOT)
    link.tells("a.1", (1, 7), {"x": 7})
    link.answers(asked, {"x": 7, "y": 6}, (1, 7), resumed=True)
    alice.hears('w evt v=1:7 {"x":7,"y":6}')


def the_past_does_not_come_back_with_what_is_given_up(stage):
    asker = asked_here(stage)
    asker.sends(wire.request(1, "watch", "a.1", epoch=3 << 32))
    asked = stage.workers[0].hears("watch")
    asker.sends(wire.frame(wire.CANCEL, 1))
    stage.workers[0].hears_type(wire.CANCEL)
    stage.moves(lambda *_: (0, 3 << 32 | 6))
    stage.workers[0].answers(asked, {"x": 1}, (1, 1))
    assert asker.hears_type(wire.REPLY).code == "cancelled"


def an_answer_does_not_overtake_the_changes_before_it(stage):
    asker, worker = asked_here(stage), stage.workers[0]
    asker.sends(wire.request(1, "watch", "a.1", epoch=3 << 32))
    worker.answers(worker.hears("watch"), {"x": 1, "y": 1}, (1, 1))
    assert asker.hears_type(wire.REPLY).payload == {"x": 1, "y": 1}
    worker.dies()
    worker = stage.restarts_worker(0)
    asker.sends(wire.request(2, "watch", "a.1", epoch=3 << 32))
    while (asked := worker.hears("watch")).base:
        worker.answers(asked, code="busy")
    worker.answers(asked, {"x": 2, "y": 2}, (1, 2))
    while not (asked := worker.hears("watch")).base:
        worker.answers(asked, {"x": 2, "y": 2}, (1, 2))
    worker.answers(asked, {"x": 2, "y": 2}, (1, 2), resumed=True)
    assert asker.hears_type(wire.EVENT).changed == {"x": 2, "y": 2}
    worker.answers(worker.hears("watch"), {"x": 2, "y": 2}, (1, 2))
    assert asker.hears_type(wire.REPLY).rid == 2


def who_watched_through_a_former_owners_gateway_is_forgotten_there(stage):
    asker, worker = asked_here(stage), stage.workers[0]
    asker.sends(wire.request(1, "watch", "a.1", epoch=3 << 32))
    worker.answers(worker.hears("watch"), {"x": 1}, (1, 1))
    assert asker.hears_type(wire.REPLY).rid == 1
    stage.node_is(1)
    other = stage.node_linked(1)
    stage.moves_to_node(1, 4)
    worker.tells("a.1", (1, 2), {"x": 2})     # last words
    assert asker.hears_type(wire.EVENT).changed == {"x": 2}
    asked = other.hears("watch", "a.1")
    other.answers(asked, {"x": 2}, (1, 2), resumed=True)
    assert other.hears_type(wire.UNWATCH).address == "a.1"
    assert stage.asks("status")[0]["subjects"] == 0


def who_watches_through_here_for_itself_goes_on(stage):
    asker, worker, alice = asked_here(stage), stage.workers[0], stage.client()
    alice.says("w watch a.1 x")
    worker.answers(worker.hears("watch"), {"x": 1}, (1, 1))
    alice.hears('w ok v=1:1 {"x":1}')
    for sender, rid in ((asker, 1), (worker, 2)):
        sender.sends(wire.request(rid, "watch", "a.1", epoch=3 << 32))
        worker.answers(worker.hears("watch"), {"x": 1}, (1, 1))
        assert sender.hears_type(wire.REPLY).rid == rid
    stage.node_is(1)
    other = stage.node_linked(1)
    stage.moves_to_node(1, 4)
    other.answers(other.hears("watch", "a.1"), {"x": 2}, (1, 2), resumed=True)
    assert asker.hears_type(wire.EVENT).number == 2
    other.tells("a.1", (1, 3), {"x": 3})
    alice.hears('w evt v=1:2 {"x":2}', 'w evt v=1:3 {"x":3}')
    assert [worker.hears_type(wire.EVENT).number for _ in range(2)] == [2, 3]
    asker.sends(wire.request(3, "get", "a.1", epoch=3 << 32))
    assert asker.hears_type(wire.REPLY).rid == 3, "it asks the owner itself"


def an_answer_that_nobody_waits_for_leaves_no_watch_behind(stage):
    asker, worker = asked_here(stage), stage.workers[0]
    asker.sends(wire.request(1, "watch", "a.1", epoch=3 << 32))
    asked = worker.hears("watch")
    asker.dies()
    worker.hears_type(wire.UNWATCH)           # which the worker may look at before the watch
    worker.answers(asked, {"x": 1}, (1, 1))
    assert worker.hears_type(wire.UNWATCH).address == "a.1"


def an_owner_that_doubts_what_it_has_told_is_asked_again(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says("w watch a.1 x")
    worker.answers(worker.hears("watch"), {"x": 5}, (1, 5))
    alice.hears('w ok v=1:5 {"x":5}')
    worker.tells("a.1", (0, 0))
    asked = worker.hears("watch", "a.1")
    assert asked.base == (1, 5)
    worker.answers(asked, {"x": 3}, (2, 3))
    worker.tells("a.1", (2, 4), {"x": 4})
    alice.hears('w snap v=2:3 {"x":3}', 'w evt v=2:4 {"x":4}')


# --- own effects while a watch is taken up ----------------------------------------------

def _watched(stage):
    """Alice watches an actor whose worker begins anew, and is asked what she has missed."""
    alice, worker = stage.client(), stage.workers[0]
    alice.says("w watch a.1 x")
    worker.answers(worker.hears("watch"), {"x": 1}, (1, 1))
    alice.hears('w ok v=1:1 {"x":1}')
    worker.dies()
    worker = stage.restarts_worker(0)
    return alice, worker, worker.hears("watch", "a.1")


def _is_busy(worker, asked, *answers):
    """It has no room for that question, but answers others at the same time."""
    worker.sends(b"".join([wire.reply(asked.rid, code="busy"), *answers]))


def own_effects_come_first_where_the_owner_was_too_busy_to_take_a_watch_up(stage):
    alice, worker, asked = _watched(stage)
    bob = stage.client()
    alice.says("1 set a.1 x 2", "2 get a.2 x", "3 get a.1 y", "4 get a.1 x", "5 cancel @ id=1")
    to_set, to_other, to_fail, to_see = [worker.hears(verb) for verb in ("set", "get", "get", "get")]
    alice.hears("5 ok")
    worker.hears_type(wire.CANCEL)
    bob.says("1 get a.1 x")
    theirs = worker.hears("get", "a.1")
    _is_busy(worker, asked, wire.reply(to_set.rid, None, (1, 2)))
    asked = worker.hears("watch", "a.1")            # it has got on
    assert asked.base == (1, 1)
    _is_busy(worker, asked, wire.reply(to_other.rid, 0, (5, 1)),      # of another actor
             wire.reply(to_fail.rid, code="no-member"),               # shows no version
             wire.reply(theirs.rid, 2, (1, 2)))                       # bob watches nothing
    alice.hears("2 ok v=5:1 0", "3 err no-member")
    bob.hears("1 ok v=1:2 2")
    worker.answers(to_see, 2, (1, 2))
    asked = worker.hears("watch", "a.1")
    alice.hears_nothing()
    worker.answers(asked, {"x": 2}, (1, 2), resumed=True)
    alice.hears('w evt v=1:2 {"x":2}', "1 ok v=1:2", "4 ok v=1:2 2")
    worker.tells("a.1", (1, 3), {"x": 3})
    alice.hears('w evt v=1:3 {"x":3}')


def _watched_from_elsewhere(stage):
    """A node watches the same, and sets a property."""
    asker, worker = asked_here(stage), stage.workers[0]
    asker.sends(wire.request(1, "watch", "a.1", epoch=3 << 32))
    worker.answers(worker.hears("watch"), {"x": 1}, (1, 1))
    assert asker.hears_type(wire.REPLY).rid == 1
    worker.dies()
    worker = stage.restarts_worker(0)
    asked = worker.hears("watch", "a.1")
    asker.sends(wire.request(2, "set", "a.1", payload={"x": 2}, epoch=3 << 32))
    _is_busy(worker, asked, wire.reply(worker.hears("set").rid, None, (1, 2)))
    return asker, worker, worker.hears("watch", "a.1")


def _hears_its_effect(asker):
    told = asker.hears_type(wire.EVENT)
    assert (told.changed, told.number) == ({"x": 2}, 2)
    got = asker.hears_type(wire.REPLY)
    assert (got.rid, got.code) == (2, "none")


def own_effects_come_first_at_another_node_too(stage):
    asker, worker, asked = _watched_from_elsewhere(stage)
    worker.answers(asked, {"x": 2}, (1, 2), resumed=True)
    _hears_its_effect(asker)


def a_kept_answer_is_not_handed_back_by_a_gateway_that_ends(stage):
    asker, worker, asked = _watched_from_elsewhere(stage)
    stage.drains()
    asker.hears_type(wire.BYE)
    worker.answers(asked, {"x": 2}, (1, 2), resumed=True)
    _hears_its_effect(asker)
    assert stage.ends() == 0


def _with_a_kept_answer(stage, deadline=""):
    alice, worker, asked = _watched(stage)
    alice.says(f"1 set a.1 x{deadline} 2")
    _is_busy(worker, asked, wire.reply(worker.hears("set").rid, None, (1, 2)))
    return alice, worker, worker.hears("watch", "a.1")


def a_kept_answer_is_passed_on_to_who_watches_no_more(stage):
    alice, _, _ = _with_a_kept_answer(stage)
    alice.says("2 unwatch @ id=w")
    alice.hears("1 ok v=1:2", "2 ok")


def a_kept_answer_is_a_timeout_at_its_deadline(stage):
    alice, worker, asked = _with_a_kept_answer(stage, " t=500")
    alice.hears("1 err timeout")
    worker.answers(asked, {"x": 2}, (1, 2), resumed=True)
    alice.hears('w evt v=1:2 {"x":2}')


def a_kept_answer_goes_with_its_client(stage):
    alice, worker, asked = _with_a_kept_answer(stage)
    alice.breaks()
    waits_until(lambda: stage.asks("sessions") == [], "the end of the session")
    worker.answers(asked, code="busy")
    waits_until(lambda: stage.asks("status")[0]["subjects"] == 0, "the end of the watch")


def a_kept_answer_goes_with_the_node_that_asked(stage):
    asker, worker, asked = _watched_from_elsewhere(stage)
    asker.dies()
    asker, alice = stage.node_linked(0, incoming=True), stage.client()   # in the same place
    worker.answers(asked, code="busy")
    waits_until(lambda: stage.asks("status")[0]["subjects"] == 0, "the end of the watch")
    alice.says("1 get a.1 x")
    worker.hears_type(wire.UNWATCH)
    worker.answers(worker.hears("get"), 2, (1, 2))
    alice.hears("1 ok v=1:2 2")
    asker.sends(wire.request(3, "get", "a.1", epoch=3 << 32))
    worker.answers(worker.hears("get"), 2, (1, 2))
    assert asker.hears_type(wire.REPLY).rid == 3


def a_busy_owner_is_asked_again_ever_less_often(stage):
    alice, worker, asked = _watched(stage)
    for least in (0.1, 0.2, 0.4):
        refused = time.monotonic()
        worker.answers(asked, code="busy")
        asked = worker.hears("watch", "a.1")
        assert time.monotonic() - refused > least - 0.05
    worker.answers(asked, {"x": 2}, (1, 2), resumed=True)
    alice.hears('w evt v=1:2 {"x":2}')


run(sys.modules["__main__"])
