"""Actor workers that come, go, hang and hand shards on; and what actors send each other."""

import sys

import wire
from node import node, run

MUCH = "x" * 900000  # more than a socket takes while nobody reads it


def _fills(stage, client, count=3):
    """Requests to a.1 until its worker's link is full; the worker must not be reading."""
    client.says(*(f'big{i} call a.1 f t=60000 "{MUCH}"' for i in range(count)))
    stage.settles()


def a_crash_is_answered_by_what_is_known(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says("1 call a.1 f", "2 set a.1 x 1", "3 get a.1 x", "4 watch a.1 x")
    for verb in ("call", "set", "get", "watch"):
        worker.hears(verb)
    worker.dies()
    alice.hears("1 err crashed", "2 err crashed")
    alice.says("5 call a.1 g")
    alice.hears_nothing()
    worker = stage.restarts_worker(0)
    asked = worker.hears("get", "a.1")
    assert asked.epoch == 2
    worker.answers(asked, 1, (1, 1))
    worker.answers(worker.hears("watch", "a.1"), {"x": 1}, (1, 1))
    asked = worker.hears("call", "a.1")
    assert asked.members == "g"
    worker.answers(asked, 7, (1, 2))
    alice.hears("3 ok v=1:1 1", '4 ok v=1:1 {"x":1}', "5 ok v=1:2 7")


def what_was_never_sent_waits_for_the_successor(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says("1 call a.1 first")
    worker.hears("call", "a.1", [])
    _fills(stage, alice, 2)
    worker.dies()
    alice.hears("1 err crashed")
    worker = stage.restarts_worker(0)
    for i in range(2):
        worker.answers(worker.hears("call", "a.1", [MUCH]), i, (1, i))
        alice.hears(f"big{i} ok v=1:{i} {i}")


def the_last_words_of_a_dead_worker_are_heard(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says("w watch a.1 x", "1 call a.1 f", "2 call a.1 f")
    watch, one, two = worker.hears("watch"), worker.hears("call"), worker.hears("call")
    worker.answers(watch, {"x": 0}, (1, 1))
    alice.hears('w ok v=1:1 {"x":0}')
    worker.sends(wire.event("a.1", (1, 2), {"x": 1}) + wire.reply(one.rid, 1, (1, 2)))
    worker.dies()
    successor = stage.restarts_worker(0)
    alice.hears('w evt v=1:2 {"x":1}', "1 ok v=1:2 1", "2 err crashed")
    asked = successor.hears("watch", "a.1")
    assert asked.base in ((1, 1), (1, 2))  # as it stood when the map changed
    successor.answers(asked, {}, (1, 2), resumed=True)
    assert two.rid != one.rid
    alice.hears_nothing()


def what_waits_keeps_its_order(stage):
    alice, worker = stage.client(), stage.workers[0]
    worker.dies()
    alice.says(*(f"{i} call a.{i % 3} f [{i}]" for i in range(30)))
    alice.hears_nothing()
    # What was written to the dead link is held once its loss is dealt with, a loop turn later.
    held = [stage.asks("status")[0]["held"] for _ in range(3)]
    assert held[-1] == 30, held
    worker = stage.restarts_worker(0)
    for i in range(30):
        worker.hears("call", f"a.{i % 3}", [i])


def what_waits_too_long_has_expired(stage):
    alice, worker = stage.client(), stage.workers[0]
    worker.dies()
    alice.says("1 call a.1 f t=50", "2 call a.1 f", "3 cancel @ id=2")
    heard = sorted(alice.line() for _ in range(3))
    assert heard == ["1 err expired", "2 err cancelled", "3 ok"], heard
    worker = stage.restarts_worker(0)
    alice.says("4 call a.1 f")
    worker.hears("call", "a.1")


def a_moved_shard_is_asked_again_silently(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says("1 call a.1 f")
    asked = worker.hears("call")
    worker.answers(asked, code="moved")  # it knows a newer map already
    alice.hears_nothing()
    stage.moves(lambda _, worker, epoch: (worker, epoch + 1))
    asked = worker.hears("call", "a.1")
    assert asked.epoch == 2
    worker.answers(asked, 1, (1, 1))
    alice.hears("1 ok v=1:1 1")


def an_owner_that_learns_of_it_late_is_asked_again(stage):
    alice, worker = stage.client(), stage.workers[0]
    stage.moves(lambda _, worker, epoch: (worker, epoch + 1))
    alice.says("1 call a.1 f")
    worker.answers(worker.hears("call"), code="moved")
    worker.answers(worker.hears("call"), code="moved")
    worker.answers(worker.hears("call"), 1, (1, 1))
    alice.hears("1 ok v=1:1 1")


def nothing_overtakes_what_a_former_owner_may_hand_back(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says("1 call a.1 f [1]", "2 call a.1 f [2]")
    one, two = worker.hears("call"), worker.hears("call")
    stage.moves(lambda _, worker, epoch: (worker, epoch + 1))
    alice.says("3 call a.1 f [3]")
    alice.hears_nothing()
    worker.answers(one, code="moved")
    alice.hears_nothing()
    worker.answers(two, code="moved")
    for i in (1, 2, 3):
        asked = worker.hears("call", "a.1", [i])
        assert asked.epoch == 2
        worker.answers(asked, i, (1, i))
        alice.hears(f"{i} ok v=1:{i} {i}")


@node(workers=2)
def what_waits_follows_its_shard_to_another_worker(stage):
    address = stage.address(worker=0)
    alice, (dying, sibling) = stage.client(), stage.workers
    dying.dies()
    alice.says(f"1 call {address} f", f"2 call {address} g")
    alice.hears_nothing()
    stage.moves(lambda _, worker, epoch: 1)
    sibling.answers(sibling.hears("call", address), 1, (1, 1))
    sibling.answers(sibling.hears("call", address), 2, (1, 2))
    alice.hears("1 ok v=1:1 1", "2 ok v=1:2 2")


@node(workers=2)
def a_map_that_comes_before_the_end_of_the_link_is_no_trap(stage):
    address = stage.address(worker=0)
    alice, (dying, sibling) = stage.client(), stage.workers
    alice.says(f"1 get {address} x", f"2 call {address} f")
    dying.hears("get"), dying.hears("call")
    stage.moves(lambda _, worker, epoch: 1)
    alice.says(f"3 call {address} g")
    alice.hears_nothing()
    dying.dies()  # and has no successor
    sibling.answers(sibling.hears("get", address), 1, (1, 1))
    asked = sibling.hears("call", address)
    assert asked.members == "g"
    sibling.answers(asked, 3, (1, 2))
    alice.hears("2 err crashed", "1 ok v=1:1 1", "3 ok v=1:2 3")


def without_an_owner_it_waits(stage):
    alice, worker = stage.client(), stage.workers[0]
    stage.moves(lambda *_: wire.NOBODY)
    alice.says("1 get a.1 x")
    alice.hears_nothing()
    stage.moves(lambda *_: 0)
    worker.answers(worker.hears("get"), 1, (1, 1))
    alice.hears("1 ok v=1:1 1")


@node(workers=2)
def a_shard_that_is_let_go_costs_a_pause_and_no_error(stage):
    address = stage.address(worker=0)
    alice, (old, new) = stage.client(), stage.workers
    alice.says(f"1 call {address} f [1]", f"2 call {address} f [2]")
    one, two = old.hears("call"), old.hears("call")
    stage.releases(0)
    alice.says(f"3 call {address} f [3]")
    # What was sent by the former map is on the link before this.
    assert old.hears_type(wire.MAP).serial == stage.serial
    old.answers(one, 1, (1, 1))
    old.answers(two, code="moved")
    alice.hears("1 ok v=1:1 1")
    alice.hears_nothing()
    stage.grants(0, to=1)
    for i in (2, 3):
        asked = new.hears("call", address, [i])
        assert asked.epoch == 2
        new.answers(asked, i, (1, i))
        alice.hears(f"{i} ok v=1:{i} {i}")


def a_new_worker_is_told_of_the_map_first(stage):
    stage.workers[0].dies()
    alice = stage.client()
    alice.says("1 call a.1 f")
    alice.hears_nothing()
    worker = stage.restarts_worker(0)
    first = worker.any_frame()
    assert (first.type, first.serial) == (wire.MAP, stage.serial), first
    worker.hears("call", "a.1")


def what_is_handed_back_is_not_overtaken(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says("1 call a.1 f", "2 call a.1 g")
    first, second = worker.hears("call"), worker.hears("call")
    worker.answers(first, code="moved")       # by the same map: its lease was over
    while (fence := worker.any_frame()).type != wire.FENCE:
        pass
    alice.says("3 call a.1 h", "4 call a.2 f")
    alice.hears_nothing()
    worker.answers(second, code="moved")
    worker.sends(wire.frame(wire.FENCE, fence.number))
    for n, members in enumerate("fgh", 1):
        asked = worker.hears("call", "a.1")
        assert asked.members == members
        worker.answers(asked, n, (1, n))
    worker.answers(worker.hears("call", "a.2"), 4, (1, 1))
    alice.hears("1 ok v=1:1 1", "2 ok v=1:2 2", "3 ok v=1:3 3", "4 ok v=1:1 4")


def who_ends_in_good_order_says_what_was_not_looked_at(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says("1 call a.1 f")
    asked, looked_at = worker.hears("call", "a.1"), worker.looked_at
    alice.says("2 call a.1 g")
    alice.hears_nothing()  # it is on the link
    worker.answers(asked, 1, (1, 1))
    worker.sends(wire.frame(wire.BYE, looked_at))
    worker.dies()
    alice.hears("1 ok v=1:1 1")
    worker = stage.restarts_worker(0)
    asked = worker.hears("call", "a.1")
    assert asked.members == "g"
    worker.answers(asked, 2, (1, 2))
    alice.hears("2 ok v=1:2 2")


@node(workers=2)
def a_worker_hears_when_all_that_it_sent_has_gone_on(stage):
    address = stage.address(worker=0)
    owner, sender = stage.workers
    tell = wire.request(0, "tell", address=address, caller="me.1", members="f", payload=[1])
    sender.sends(tell + wire.frame(wire.SYNC, 1))
    assert sender.hears_type(wire.SYNC).number == 1
    owner.hears("tell", address, [1])
    stage.releases(0)
    sender.sends(tell + wire.frame(wire.SYNC, stage.serial + 1))  # it has the next map already
    stage.settles()
    stage.grants(0, to=1)
    # Its own by now: first what it had sent, then that this was all.
    sender.hears("tell", address, [1])
    assert sender.hears_type(wire.SYNC).number == stage.serial


@node(workers=2)
def what_waits_for_others_is_not_what_it_asks_about(stage):
    address = stage.address(worker=0)
    sender = stage.workers[1]
    stage.workers[0].dies()
    sender.sends(wire.request(0, "tell", address=address, caller="me.1", members="f", payload=[1]) +
                 wire.frame(wire.SYNC, stage.serial))
    assert sender.hears_type(wire.SYNC).number == stage.serial
    stage.restarts_worker(0).hears("tell", address, [1])


@node(workers=2)
def what_a_former_owner_may_hand_back_is(stage):
    address = stage.address(worker=0)
    former, sender = stage.workers
    sender.sends(wire.request(7, "call", address=address, caller="me.1", members="f", payload=[1]))
    asked = former.hears("call", address)
    stage.releases(0)
    stage.grants(0, to=1)
    sender.sends(wire.frame(wire.SYNC, stage.serial))
    stage.settles()
    former.answers(asked, code="moved")
    sender.answers(sender.hears("call", address), 0, (1, 1))
    assert {sender.hears_type(wire.SYNC).number, sender.hears_type(wire.REPLY).rid} == {stage.serial, 7}


@node(workers=2)
def a_call_of_a_turn_that_waits_there_goes_to_who_lets_go(stage):
    address = stage.address(worker=0)
    old, other = stage.workers
    stage.releases(0)
    asks = {"address": address, "caller": "me.1", "members": "f", "payload": []}
    other.sends(wire.request(70, "call", chain=["you.1", "me.1"], **asks) + wire.request(71, "call", **asks))
    asked = old.hears("call", address)
    assert (asked.chain, asked.epoch) == (["you.1", "me.1"], 1), asked
    old.answers(asked, code="moved")  # nobody of them waits there: then it waits like any other
    stage.settles()
    stage.grants(0, to=1)
    for asked in (other.hears("call", address), other.hears("call", address)):
        assert asked.epoch == 2
        other.answers(asked, 0, (1, 1))
    assert [other.hears_type(wire.REPLY).rid for _ in range(2)] == [70, 71]


@node(workers=2)
def what_a_former_owner_told_late_is_the_past(stage):
    address = stage.address(worker=0)
    alice, (old, new) = stage.client(), stage.workers
    alice.says(f"w watch {address} x")
    old.answers(old.hears("watch"), {"x": 1}, (1, 1))
    alice.hears('w ok v=1:1 {"x":1}')
    stage.releases(0)
    stage.grants(0, to=1)
    asked = new.hears("watch", address)
    assert asked.base == (1, 1)
    new.answers(asked, {"x": 3}, (1, 3), resumed=True)
    alice.hears('w evt v=1:3 {"x":3}')
    old.tells(address, (1, 2), {"x": 2})
    old.tells(address, (1, 3), {"x": 3})
    new.tells(address, (1, 4), {"x": 4})
    alice.hears('w evt v=1:4 {"x":4}')
    alice.hears_nothing()


@node(workers=2)
def a_worker_that_hangs_stops_only_its_own_clients(stage):
    hung, well = stage.workers
    other = stage.address(worker=1)
    mine = stage.address(worker=0)
    alice, bob = stage.client(), stage.client()
    alice.says(*(f'{i} call {mine} f t=60000 "{MUCH}"' for i in range(3)), "p ping @")
    for i in range(20):
        bob.says(f"{i} call {other} f")
        well.answers(well.hears("call"), i, (1, i))
        bob.hears(f"{i} ok v=1:{i} {i}")
    hung.dies()
    alice.hears("p ok")  # she is read again, though the link she waited for is gone
    hung = stage.restarts_worker(0)
    for i in range(3):
        hung.answers(hung.hears("call"), i, (1, i))
        alice.hears(f"{i} ok v=1:{i} {i}")


# --- between actors ---

@node(workers=2)
def actors_of_two_workers_talk_through_here(stage):
    here, there = stage.workers
    target = stage.address(worker=1)
    here.sends(wire.request(77, "call", target, "me.1", "f", [1], deadline=123))
    asked = there.hears("call", target, [1])
    assert (asked.caller, asked.members, asked.deadline, asked.epoch) == ("me.1", "f", 123, 1)
    there.answers(asked, "well", (1, 5))
    answer = here.hears_type(wire.REPLY)
    assert (answer.rid, answer.code, answer.payload, answer.number) == (77, "none", "well", 5)
    here.sends(wire.request(0, "tell", target, "me.1", "g", []))
    assert there.hears("tell", target).rid == 0


@node(workers=2)
def an_actor_is_told_of_a_crash(stage):
    here, there = stage.workers
    target = stage.address(worker=1)
    here.sends(wire.request(77, "call", target, "me.1", "f", []) +
               wire.request(78, "get", target, "me.1", ["x"]))
    there.hears("call"), there.hears("get")
    there.dies()
    answer = here.hears_type(wire.REPLY)
    assert (answer.rid, answer.code) == (77, "crashed")
    there = stage.restarts_worker(1)
    there.answers(there.hears("get"), 1, (1, 1))
    assert here.hears_type(wire.REPLY).rid == 78


@node(workers=2)
def a_tell_that_was_not_handed_over_is_not_lost(stage):
    here, there = stage.workers
    target, other = stage.address(worker=1), stage.address(worker=0)
    here.sends(wire.request(0, "tell", target, "me.1", "f", [1]))
    there.hears("tell", target, [1])
    for i in (2, 3):
        here.sends(wire.request(0, "tell", target, "me.1", "f", [i, MUCH]))
    here.sends(wire.request(5, "call", other, "me.1", "f", []))
    here.hears("call")  # all of it has been taken in
    there.dies()
    there = stage.restarts_worker(1)
    assert [there.hears("tell", target).payload[0] for _ in range(2)] == [2, 3]


@node(workers=2)
def an_actors_watch_is_fed_and_ends_with_its_worker(stage):
    here, there = stage.workers
    target = stage.address(worker=1)
    here.sends(wire.request(7, "watch", target, "me.1", ["x"]))
    there.answers(there.hears("watch", target), {"x": 1}, (1, 1))
    assert here.hears_type(wire.REPLY).payload == {"x": 1}
    there.tells(target, (1, 2), {"x": 2})
    told = here.hears_type(wire.EVENT)
    assert (told.address, told.number, told.changed) == (target, 2, {"x": 2})
    here.dies()
    assert there.hears_type(wire.UNWATCH).address == target


@node(workers=2)
def an_actors_watch_outlives_the_watched_worker(stage):
    here, there = stage.workers
    target = stage.address(worker=1)
    here.sends(wire.request(7, "watch", target, "me.1", ["x"]))
    there.answers(there.hears("watch", target), {"x": 1}, (1, 1))
    here.hears_type(wire.REPLY)
    there.dies()
    there = stage.restarts_worker(1)
    asked = there.hears("watch", target)
    assert asked.base == (1, 1)
    there.answers(asked, {"x": 5}, (1, 9), resumed=True)
    told = here.hears_type(wire.EVENT)
    assert (told.kind, told.number, told.changed) == (wire.CHANGE, 9, {"x": 5})


run(sys.modules[__name__])
