"""Requests of clients: what becomes of each on its way to an actor and back."""

import socket
import sys
import time

from node import node, run, the_object, waits_until


def what_a_get_asks(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says("1 get players.42 hp")
    asked = worker.hears("get", "players.42")
    assert asked.members == ["hp"] and asked.caller == "" and asked.epoch == 1
    worker.answers(asked, 100, (0x3f, 127))
    alice.hears("1 ok v=3f:127 100")
    alice.says("2 get players.42 hp,dead", "3 get players.42 *")
    asked = worker.hears("get")
    assert asked.members == ["hp", "dead"]
    worker.answers(asked, {"hp": 100, "dead": False}, (0x3f, 127))
    asked = worker.hears("get")
    assert asked.members is None
    worker.answers(asked, {}, (0x3f, 127))
    alice.hears('2 ok v=3f:127 {"hp":100,"dead":false}', "3 ok v=3f:127 {}")


def what_a_call_sends(stage):
    alice, worker = stage.client(), stage.workers[0]
    for argument, sent in (("", []), (" [10,2]", [10, 2]), (" 7", [7]), (' {"a":[]}', [{"a": []}]),
                           (" null", [None]), (" []", []), (" [[1]]", [[1]]), (" 1.0", [1.0])):
        alice.says("1 call a.1 f" + argument)
        asked = worker.hears("call", "a.1", sent)
        assert asked.members == "f"
        worker.answers(asked, None, (1, 2))
        alice.hears("1 ok v=1:2 null")


def what_a_set_sends(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says('1 set a.1 nick if=3f:128 "Ann"', '2 set a.1 * {"x":1,"y":2.5}')
    asked = worker.hears("set", "a.1", {"nick": "Ann"})
    assert asked.condition == (0x3f, 128)
    worker.answers(asked, None, (0x3f, 129))
    worker.answers(worker.hears("set", "a.1", {"x": 1, "y": 2.5}), {"given": [0x3f, 130]}, code="conflict")
    alice.hears("1 ok v=3f:129", '2 err conflict {"given":[63,130]}')


def private_names_and_what_is_no_object_are_refused_here(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says("1 set a.1 _secret 1", '2 set a.1 * {"x":1,"_y":2}', "3 set a.1 * 5", "4 set a.1 x {")
    alice.hears('1 err no-member {"member":"_secret"}', '2 err no-member {"member":"_y"}',
                "3 err bad-arg …", "4 err bad-arg …")
    alice.says("5 get a.1 x")
    worker.answers(worker.hears("get"), 2 ** 60, (1, 1))
    alice.hears(f'5 ok v=1:1 "{2 ** 60}"')


def a_quiet_request_speaks_of_errors_only(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says("1 set a.1 x q=1 1", "2 set a.1 x q=1 2", "3 watch a.1 x q=1")
    worker.answers(worker.hears("set"), None, (1, 2))
    worker.answers(worker.hears("set"), {"member": "x"}, code="read-only")
    worker.answers(worker.hears("watch"), {"x": 1}, (1, 2))
    alice.hears('2 err read-only {"member":"x"}')
    worker.tells("a.1", (1, 3), {"x": 5})
    alice.hears('3 evt v=1:3 {"x":5}')


def replies_come_in_any_order(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says("1 call a.1 slow", "2 call a.2 quick")
    first, second = worker.hears("call", "a.1"), worker.hears("call", "a.2")
    worker.answers(second, 2, (1, 1))
    alice.hears("2 ok v=1:1 2")
    worker.answers(first, 1, (1, 1))
    alice.hears("1 ok v=1:1 1")


def the_deadline_travels_and_is_capped(stage):
    alice, worker = stage.client(), stage.workers[0]
    for option, most in ((" t=100", 100), ("", 5000), (" t=9999999", 60000)):
        alice.says("1 call a.1 f" + option)
        asked = worker.hears("call")
        left = asked.deadline - time.clock_gettime(time.CLOCK_MONOTONIC) * 1000
        assert most - 5000 < left <= most + 1, (option, left)
        worker.answers(asked, 1, (1, 1))
        alice.hears("1 ok v=1:1 1")


def a_late_reply_meets_nobody_elses_request(stage):
    alice, bob, worker = stage.client(), stage.client(), stage.workers[0]
    alice.says("1 get a.1 secret t=1")
    late = worker.hears("get", "a.1")
    alice.hears("1 err timeout")  # the gateway's own, a second past the deadline
    bob.says("1 get a.2 x")
    asked = worker.hears("get", "a.2")
    assert asked.rid != late.rid
    worker.answers(late, "alice's", (1, 1))
    worker.answers(asked, "bob's", (1, 1))
    bob.hears("1 ok v=1:1 \"bob's\"")
    alice.says("1 get a.1 x")  # the ID is free again
    worker.answers(worker.hears("get"), 3, (1, 1))
    alice.hears("1 ok v=1:1 3")


def an_id_in_use_is_refused(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says("1 call a.1 f", "1 ping @", "s sync @", "s get a.1 x")
    asked = worker.hears("call")
    alice.hears("1 err dup-id", "s err dup-id")
    worker.answers(asked, 1, (1, 1))
    alice.hears("1 ok v=1:1 1", "s ok")
    alice.says("w watch a.1 x")
    worker.answers(worker.hears("watch"), {"x": 1}, (1, 1))
    alice.hears('w ok v=1:1 {"x":1}')
    alice.says("w ping @")
    alice.hears("w err dup-id")


@node(client_inflight=2)
def beyond_the_limit_ping_and_cancel_still_work(stage):
    alice, worker = stage.client(), stage.workers[0]
    assert the_object(alice.greeting)["inflight"] == 2
    alice.says("1 call a.1 f", "2 call a.1 f", "3 call a.1 f", "4 ping @", "5 cancel @ id=2")
    first, second = worker.hears("call"), worker.hears("call")
    alice.hears('3 err limit {"limit":"inflight"}', "4 ok", "5 ok")
    assert worker.hears_type(3).rid == second.rid
    worker.answers(second, code="cancelled")
    alice.hears("2 err cancelled")
    alice.says("6 cancel @ id=2")  # has had its answer: no mistake
    alice.hears("6 ok")
    worker.answers(first, 1, (1, 1))
    alice.hears("1 ok v=1:1 1")


def what_is_in_flight_is_bounded_in_bytes_too(stage):
    alice, worker = stage.client(), stage.workers[0]
    text = "x" * 1000000
    asked = []
    for i in range(9):  # 8 MiB and one more
        alice.says(f'{i} call a.1 f "{text}"')
        asked.append(worker.hears("call"))
    alice.says(f'a call a.1 f "{text}"')
    alice.hears('a err limit {"limit":"bytes"}')
    for i, one in enumerate(asked):
        worker.answers(one, 0, (1, 1))
        alice.hears(f"{i} ok v=1:1 0")
    alice.says(f'b call a.1 f "{text}"')
    worker.answers(worker.hears("call"), 0, (1, 1))
    alice.hears("b ok v=1:1 0")


def sync_waits_for_what_came_before_it(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says("1 call a.1 f", "2 sync @", "3 call a.1 f")
    first, third = worker.hears("call"), worker.hears("call")
    worker.answers(third, 3, (1, 1))
    alice.hears("3 ok v=1:1 3")
    alice.hears_nothing()
    worker.answers(first, 1, (1, 1))
    alice.hears("1 ok v=1:1 1", "2 ok")


def a_client_that_has_left_is_not_answered(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says("1 call a.1 f", "2 watch a.1 x")
    asked, watch = worker.hears("call"), worker.hears("watch")
    alice.closes()
    worker.answers(asked, 1, (1, 1))
    worker.answers(watch, {"x": 1}, (1, 1))
    waits_until(lambda: stage.asks("sessions") == [], "the end of the session")
    # Its registration goes too: at once, or with the first event that nobody wants.
    worker.tells("a.1", (1, 2), {"x": 2})
    assert worker.hears_type(5).address == "a.1"


def a_client_that_only_stopped_writing_is(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says("1 call a.1 f")
    alice.socket.shutdown(1)
    worker.answers(worker.hears("call"), 1, (1, 1))
    alice.hears("1 ok v=1:1 1")
    alice.is_closed()


def bye_is_after_what_is_in_flight(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says("1 call a.1 f", "2 bye @", "3 ping @")
    alice.hears("2 ok")
    worker.answers(worker.hears("call"), 1, (1, 1))
    alice.hears("1 ok v=1:1 1")
    alice.is_closed()


def a_server_that_stops_finishes_and_refuses(stage):
    alice, bob, worker = stage.client(), stage.client(), stage.workers[0]
    alice.says("1 call a.1 f")
    asked = worker.hears("call")
    stage.drains()
    alice.hears("* drain")
    bob.hears("* drain", "* bye shutdown")
    bob.is_closed()
    alice.says("2 get a.1 x", "3 ping @")
    alice.hears("2 err draining", "3 ok")
    worker.answers(asked, 1, (1, 1))
    alice.hears("1 ok v=1:1 1", "* bye shutdown")
    alice.is_closed()
    assert stage.ends() == 0


def what_crosses_the_farewell_of_a_server_that_stops_is_answered(stage):
    alice, bob, carol = stage.client(), stage.client(), stage.client()
    stage.drains()
    carol.hears("* drain", "* bye shutdown")         # so all have been told
    alice.says(*(f"{n} call a.1 f" for n in range(200)), "x ping @")
    alice.hears("* drain", "* bye shutdown", *(f"{n} err draining" for n in range(200)), "x ok")
    alice.socket.shutdown(socket.SHUT_WR)
    assert alice.socket.recv(1) == b"", "it closes in good order once its client has"
    bob.says("1 get a.1 x", "2 bye @")
    bob.hears("* drain", "* bye shutdown", "1 err draining", "2 ok")
    assert bob.socket.recv(1) == b""
    assert stage.ends() == 0, "carol, who does not close, is not waited for"


def who_asks_on_after_the_farewell_is_answered_up_to_an_end_in_good_order(stage):
    alice = stage.client()
    stage.drains()
    alice.hears("* drain", "* bye shutdown")
    asked, heard, more = 0, b"", b""
    while asked == 0 or more:
        alice.says(f"{asked} get a.1 x")
        asked += 1
        more = alice.socket.recv(4096)               # an end of any other kind is an error
        heard += more
    answers = heard.decode().splitlines()
    assert answers == [f"{n} err draining" for n in range(len(answers))], answers
    assert len(answers) == asked - 1 > 0, "only the last came when nobody answered any more"
    assert stage.ends() == 0


def admins_are_told_of_sessions(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says("1 hello @ proto=1 client=alice/1.0", "2 watch a.1 x", "3 call a.1 f")
    facts = the_object(alice.line())
    assert facts["proto"] == 1 and facts["server"] == "stage" and facts["version"], facts
    worker.answers(worker.hears("watch"), {"x": 1}, (1, 1))
    asked = worker.hears("call")
    alice.hears('2 ok v=1:1 {"x":1}')
    session, = stage.asks("sessions")
    assert session["client"] == "alice/1.0" and session["peer"].startswith("127.0.0.1:")
    assert (session["inflight"], session["watches"]) == (1, 1)
    status, = stage.asks("status")
    assert (status["sessions"], status["watches"], status["requests"]) == (1, 1, 3), status
    assert (status["by_verb"]["hello"], status["by_verb"]["call"], status["by_error"]) == (1, 1, {})
    worker.answers(asked, 1, (1, 1))
    alice.hears("3 ok v=1:1 1")
    assert stage.asks("nonsense").startswith("a gateway")


run(sys.modules[__name__])
