"""Other nodes of the cluster: what is asked of them, and what they ask here."""

import select
import sys

import wire
from node import run, waits_until
from nodes import abroad, asked_here, heard_lost


# --- asking ---------------------------------------------------------------------------

def a_request_goes_to_the_node_that_owns_its_shard(stage):
    link, alice = abroad(stage), stage.client()
    alice.says("1 call a.1 f t=700 [1]")
    asked = link.hears("call", "a.1", [1])
    assert asked.epoch == 3 << 32
    assert 0 < asked.deadline <= 700, "between nodes a deadline is the time that is left"
    link.answers(asked, 7, (1, 1))
    alice.hears("1 ok v=1:1 7")


def who_is_not_the_owner_any_more_says_so_and_the_next_one_is_asked(stage):
    link, alice = abroad(stage), stage.client()
    stage.node_is(1)
    other = stage.node_linked(1)
    alice.says("1 call a.1 f", "2 call a.1 g")
    first, second = link.hears("call"), link.hears("call")
    stage.moves_to_node(1, 4)
    link.answers(first, code="moved")
    link.answers(second, code="moved")
    for members, value in (("f", 1), ("g", 2)):
        asked = other.hears("call", "a.1")
        assert (asked.members, asked.epoch) == (members, 4 << 32)
        other.answers(asked, value, (1, value))
    alice.hears("1 ok v=1:1 1", "2 ok v=1:2 2")


def what_came_after_waits_for_what_a_former_owner_has_not_answered(stage):
    link, alice = abroad(stage), stage.client()
    alice.says("1 call a.1 f")
    first = link.hears("call")
    stage.moves_here(4)
    alice.says("2 call a.1 g")
    stage.settles()
    link.answers(first, code="moved")
    for members in ("f", "g"):
        asked = stage.workers[0].hears("call", "a.1")
        assert asked.members == members
        stage.workers[0].answers(asked, members, (1, 1))
    alice.hears('1 ok v=1:1 "f"', '2 ok v=1:1 "g"')


def a_lost_link_leaves_calls_unknown_and_asks_reads_again(stage):
    link, alice = abroad(stage), stage.client()
    alice.says("1 call a.1 f", "2 get a.1 x")
    link.hears("call")
    link.hears("get")
    link.dies()
    alice.hears("1 err lost")
    waits_until(lambda: heard_lost(stage) == [(wire.NODE, 2)], "word of the lost link")
    alice.says("3 call a.1 g")
    alice.hears_nothing()
    link = stage.node_linked(0)
    link.answers(link.hears("get"), 5, (1, 1))
    link.answers(link.hears("call", "a.1"), 6, (1, 2))
    alice.hears("2 ok v=1:1 5", "3 ok v=1:2 6")


def a_node_that_ends_says_what_it_has_not_looked_at(stage):
    link, alice = abroad(stage), stage.client()
    alice.says("1 call a.1 f")
    asked, looked_at = link.hears("call", "a.1"), link.looked_at
    alice.says("2 call a.1 g")
    alice.hears_nothing()                     # it is on the link
    link.sends(wire.frame(wire.BYE, looked_at))
    link.answers(asked, 1, (1, 1))            # what it has looked at it ends
    alice.hears("1 ok v=1:1 1")
    alice.says("3 call a.1 h")
    alice.hears_nothing()
    link.dies()
    waits_until(lambda: heard_lost(stage), "word of the lost link")
    link = stage.node_linked(0)
    for members in ("g", "h"):
        asked = link.hears("call", "a.1")
        assert asked.members == members
        link.answers(asked, members, (1, 2))
    alice.hears('2 ok v=1:2 "g"', '3 ok v=1:2 "h"')


def without_a_link_a_deadline_ends_as_unreachable(stage):
    stage.node_is(0)
    stage.moves_to_node(0, 3)
    alice = stage.client()
    alice.says("1 get a.1 x t=50")
    alice.hears('1 err unreachable {"node":"node0"}')


def what_waits_behind_a_former_owner_ends_as_unreachable_too(stage):
    link, alice = abroad(stage), stage.client()
    alice.says("1 call a.1 f")
    asked = link.hears("call")
    stage.node_is(1)
    stage.moves_to_node(1, 4)
    alice.says("2 call a.1 g t=50")
    alice.hears('2 err unreachable {"node":"node1"}')
    link.answers(asked, 1, (1, 1))
    alice.hears("1 ok v=1:1 1")


def an_actor_that_asks_hears_which_node_is_away(stage):
    stage.node_is(0, up=False)
    stage.moves_to_node(0, 3)
    stage.workers[0].sends(wire.request(7, "call", "a.1", caller="b.1", members="f", payload=[]))
    got = stage.workers[0].hears_type(wire.REPLY)
    assert (got.rid, got.code, got.payload) == (7, "unreachable", {"node": "node0"})


def what_only_a_node_that_is_down_could_do_is_unreachable_at_once(stage):
    link, alice = abroad(stage), stage.client()
    alice.says("1 call a.1 f", "2 watch a.1 x")
    link.hears("call")
    link.answers(link.hears("watch"), {"x": 1}, (1, 1))
    alice.hears('2 ok v=1:1 {"x":1}')
    stage.node_is(0, up=False)
    alice.hears("1 err lost")
    alice.says("3 call a.1 g t=60000")
    alice.hears('3 err unreachable {"node":"node0"}')
    # Its watch goes on when it is back.
    stage.node_is(0)
    link = stage.node_linked(0)
    asked = link.hears("watch", "a.1")
    assert asked.base == (1, 1)
    link.answers(asked, {"x": 2}, (1, 2), resumed=True)
    alice.hears('2 evt v=1:2 {"x":2}')


def who_has_left_the_cluster_still_answers_what_it_was_asked(stage):
    link, alice = abroad(stage), stage.client()
    alice.says("1 call a.1 f")
    asked = link.hears("call")
    stage.moves_here(4)
    stage.node_is(0, up=False, member=False)
    link.answers(asked, 1, (1, 1))
    alice.hears("1 ok v=1:1 1")
    link.dies()


def a_message_without_an_answer_comes_once_or_not_at_all(stage):
    link, worker = abroad(stage), stage.workers[0]

    def tells(number):
        worker.sends(wire.request(0, "tell", "a.1", "b.1", "f", [number]))

    tells(1)
    assert link.hears("tell").payload == [1]
    link.dies()
    link = stage.node_linked(0)
    tells(2)
    assert link.hears("tell").payload == [2], "nobody knows what became of the first"
    stage.node_is(0, up=False)
    tells(3)
    worker.sends(wire.request(7, "get", "a.1", "b.1", ["x"]))
    assert worker.hears_type(wire.REPLY).code == "unreachable"
    stage.node_is(0)
    link = stage.node_linked(0)
    tells(4)
    assert link.hears("tell").payload == [4]


# --- being asked ----------------------------------------------------------------------

def another_nodes_request_is_served_by_the_worker_here(stage):
    asker = asked_here(stage)
    asker.sends(wire.request(9, "call", "a.1", members="f", payload=[1], deadline=500, epoch=3 << 32))
    asked = stage.workers[0].hears("call", "a.1", [1])
    assert asked.epoch == 3 << 32 | 5
    stage.workers[0].answers(asked, 7, (1, 1))
    got = asker.hears_type(wire.REPLY)
    assert (got.rid, got.code, got.payload) == (9, "none", 7)


def an_older_map_is_told_so_and_a_newer_one_waited_for(stage):
    asker = asked_here(stage)
    asker.sends(wire.request(1, "call", "a.1", members="f", payload=[], epoch=2 << 32))
    assert asker.hears_type(wire.REPLY).code == "moved"
    asker.sends(wire.request(2, "call", "a.1", members="g", payload=[], epoch=4 << 32))
    stage.settles()
    stage.moves_here(4)
    asked = stage.workers[0].hears("call", "a.1")
    assert asked.members == "g"
    stage.workers[0].answers(asked, 1, (1, 1))
    assert asker.hears_type(wire.REPLY).rid == 2


def nothing_is_passed_on_to_a_third_node_but_messages_once(stage):
    asker = asked_here(stage)
    stage.node_is(1)
    third = stage.node_linked(1)
    stage.moves_to_node(1, 4)
    asker.sends(wire.request(1, "call", "a.1", members="f", payload=[], epoch=3 << 32))
    assert asker.hears_type(wire.REPLY).code == "moved"
    asker.sends(wire.request(0, "tell", "a.1", members="note", payload=[], epoch=3 << 32))
    passed = third.hears("tell", "a.1")
    assert passed.flags & wire.FORWARDED
    asker.sends(wire.request(0, "tell", "a.1", members="lost", payload=[], epoch=3 << 32, flags=wire.FORWARDED))
    asker.sends(wire.request(2, "call", "a.1", members="f", payload=[], epoch=3 << 32))
    assert asker.hears_type(wire.REPLY).rid == 2
    alice = stage.client()
    alice.says("1 call a.1 after")
    assert third.hears("call").members == "after"


def what_waits_while_a_shard_leaves_is_handed_back(stage):
    asker = asked_here(stage)
    stage.moves(lambda shard, worker, epoch: (wire.LEAVING | 0, epoch))
    asker.sends(wire.request(1, "call", "a.1", members="f", payload=[], epoch=3 << 32))
    stage.settles()
    stage.node_is(1)
    stage.moves_to_node(1, 4)
    assert asker.hears_type(wire.REPLY).code == "moved"


def what_waits_for_a_newer_map_ends_at_its_deadline_or_when_it_is_given_up(stage):
    asker = asked_here(stage)
    asker.sends(wire.request(1, "call", "a.1", members="f", payload=[], deadline=1, epoch=4 << 32))
    got = asker.hears_type(wire.REPLY)
    assert (got.rid, got.code) == (1, "expired")
    asker.sends(wire.request(2, "call", "a.1", members="f", payload=[], epoch=4 << 32) + wire.frame(wire.CANCEL, 2))
    got = asker.hears_type(wire.REPLY)
    assert (got.rid, got.code) == (2, "cancelled")


def what_waits_for_an_asker_that_is_gone_is_not_sent(stage):
    asker, other = asked_here(stage), stage.node_linked(0, incoming=True)
    call = {"address": "a.1", "payload": [], "epoch": 3 << 32}
    stage.workers[0].dies()
    asker.sends(wire.request(1, "call", members="f", **call))
    asker.sends(wire.request(0, "tell", members="g", **call))
    waits_until(lambda: stage.asks("status")[0]["held"] == 2, "two held requests")
    asker.dies()
    waits_until(lambda: stage.asks("status")[0]["held"] == 1, "one held request")
    other.sends(wire.request(2, "call", members="h", **call))
    worker = stage.restarts_worker(0)
    assert [worker.hears(verb).members for verb in ("tell", "call")] == ["g", "h"]


def what_an_asker_that_is_gone_has_asked_is_not_asked_again(stage):
    asker = asked_here(stage)
    for rid, verb in ((1, "get"), (2, "watch")):
        asker.sends(wire.request(rid, verb, "a.1", members=["x"], epoch=3 << 32))
        stage.workers[0].hears(verb)
    asker.dies()
    waits_until(lambda: stage.asks("status")[0]["subjects"] == 0, "the end of its watch")
    stage.workers[0].dies()
    worker, alice = stage.restarts_worker(0), stage.client()
    alice.says("1 get a.1 y")
    worker.answers(worker.hears("get"), 1, (1, 1))
    alice.hears("1 ok v=1:1 1")


def who_does_not_read_answers_is_asked_to_before_it_asks_more(stage):
    asker, worker = asked_here(stage), stage.workers[0]
    taken = 0
    while True:
        asker.sends(wire.request(taken + 1, "get", "a.1", members=["x"], epoch=3 << 32))
        if not select.select([worker.socket], [], [], 0.3)[0]:
            break
        worker.answers(worker.hears("get"), "x" * (1 << 20), (1, 1))
        taken += 1
        assert taken < 50
    for _ in range(taken):
        assert len(asker.hears_type(wire.REPLY).payload) == 1 << 20
    worker.answers(worker.hears("get"), 1, (1, 1))
    assert asker.hears_type(wire.REPLY).payload == 1


def who_never_reads_its_events_is_given_up(stage):
    asker, worker = asked_here(stage), stage.workers[0]
    asker.sends(wire.request(1, "watch", "a.1", epoch=3 << 32))
    worker.answers(worker.hears("watch"), {"x": 1}, (1, 1))
    for number in range(2, 80):
        worker.tells("a.1", (1, number), {"x": "x" * (1 << 20)})
    assert worker.hears_type(wire.UNWATCH).address == "a.1"


def a_deadline_is_kept_for_other_nodes_and_answered_once(stage):
    asker = asked_here(stage)
    asker.sends(wire.request(1, "call", "a.1", members="f", payload=[], deadline=1, epoch=3 << 32))
    asked = stage.workers[0].hears("call", "a.1")
    got = asker.hears_type(wire.REPLY)
    assert (got.rid, got.code) == (1, "timeout")
    stage.workers[0].answers(asked, 7, (1, 1))      # late, and for nobody
    asker.sends(wire.request(2, "get", "a.1", members=["x"], epoch=3 << 32))
    stage.workers[0].answers(stage.workers[0].hears("get"), 8, (1, 1))
    got = asker.hears_type(wire.REPLY)
    assert (got.rid, got.payload) == (2, 8), got


def what_is_given_up_there_is_given_up_here(stage):
    asker = asked_here(stage)
    asker.sends(wire.request(1, "call", "a.1", members="f", payload=[], epoch=3 << 32))
    asked = stage.workers[0].hears("call")
    asker.sends(wire.frame(wire.CANCEL, 1))
    assert stage.workers[0].hears_type(wire.CANCEL).rid == asked.rid
    stage.workers[0].answers(asked, code="cancelled")
    assert asker.hears_type(wire.REPLY).code == "cancelled"


def watches_of_other_nodes_hear_every_change_until_they_are_gone(stage):
    asker, alice = asked_here(stage), stage.client()
    asker.sends(wire.request(1, "watch", "a.1", epoch=3 << 32))
    stage.workers[0].answers(stage.workers[0].hears("watch"), {"x": 1}, (1, 1))
    assert asker.hears_type(wire.REPLY).payload == {"x": 1}
    alice.says("w watch a.1 x")
    stage.workers[0].answers(stage.workers[0].hears("watch"), {"x": 1}, (1, 1))
    alice.hears('w ok v=1:1 {"x":1}')
    stage.workers[0].tells("a.1", (1, 2), {"x": 2})
    assert asker.hears_type(wire.EVENT).changed == {"x": 2}
    alice.hears('w evt v=1:2 {"x":2}')
    alice.says("2 unwatch @ id=w")
    alice.hears("2 ok")
    asker.dies()
    assert stage.workers[0].hears_type(wire.UNWATCH).address == "a.1"


def a_worker_that_crashes_is_told_to_the_asker_and_reads_are_asked_again(stage):
    asker = asked_here(stage)
    asker.sends(wire.request(1, "call", "a.1", members="f", payload=[], epoch=3 << 32))
    asker.sends(wire.request(2, "get", "a.1", members=["x"], epoch=3 << 32))
    stage.workers[0].hears("call")
    stage.workers[0].hears("get")
    stage.workers[0].dies()
    got = asker.hears_type(wire.REPLY)
    assert (got.rid, got.code) == (1, "crashed")
    worker = stage.restarts_worker(0)
    worker.answers(worker.hears("get"), 5, (1, 1))
    assert asker.hears_type(wire.REPLY).payload == 5


def other_nodes_have_their_answers_before_it_ends(stage):
    asker, worker = asked_here(stage), stage.workers[0]
    call = {"address": "a.1", "payload": [], "epoch": 3 << 32}
    frames = [wire.request(1, "call", members="f", **call), wire.request(2, "call", members="g", **call)]
    asker.sends(frames[0])
    first = worker.hears("call")
    stage.drains()
    asker.sends(frames[1])                    # a turn under way may ask on
    second = worker.hears("call")
    worker.answers(second, 2, (1, 1))
    worker.answers(first, 1, (1, 2))
    assert [asker.hears_type(wire.REPLY).rid for _ in range(2)] == [2, 1]
    assert asker.hears_type(wire.BYE).number == len(frames[0] + frames[1])
    assert stage.ends() == 0


def they_are_not_served_for_ever(stage):
    asker, worker = asked_here(stage), stage.workers[0]
    call = {"address": "a.1", "payload": [], "epoch": 3 << 32}
    frame = wire.request(1, "call", members="f", **call)
    asker.sends(frame)
    first = worker.hears("call")
    stage.drains()
    assert asker.hears_type(wire.BYE).number == len(frame)
    asker.sends(wire.request(2, "call", members="g", **call))  # nobody looks at it
    worker.answers(first, 1, (1, 2))
    assert asker.hears_type(wire.REPLY).rid == 1
    assert stage.ends() == 0


def what_nobody_has_been_sent_is_handed_back_then(stage):
    asker = asked_here(stage)
    stage.workers[0].dies()
    asker.sends(wire.request(1, "call", "a.1", members="f", payload=[], epoch=3 << 32))
    stage.drains()
    got = asker.hears_type(wire.REPLY)
    assert (got.rid, got.code) == (1, "moved")
    assert stage.ends() == 0


def links_that_have_ended_take_no_room(stage):
    asker = asked_here(stage)
    for _ in range(300):                      # more than there may be at a time
        asker.dies()
        asker = stage.node_linked(0, incoming=True)
    asker.sends(wire.request(1, "get", "a.1", members=["x"], epoch=3 << 32))
    stage.workers[0].answers(stage.workers[0].hears("get"), 5, (1, 1))
    assert asker.hears_type(wire.REPLY).payload == 5


def garbage_ends_its_link_and_nothing_else(stage):
    asker, other, alice = asked_here(stage), stage.node_linked(0, incoming=True), stage.client()
    asker.sends(b"\x04\0\0\0\xff\xff\xff\xff")
    assert asker.socket.recv(1) == b""
    other.sends(wire.request(1, "get", "a.1", members=["x"], epoch=3 << 32))
    stage.workers[0].answers(stage.workers[0].hears("get"), 5, (1, 1))
    assert other.hears_type(wire.REPLY).payload == 5
    alice.says("1 get a.1 x")
    stage.workers[0].answers(stage.workers[0].hears("get"), 6, (1, 1))
    alice.hears("1 ok v=1:1 6")


run(sys.modules["__main__"])
