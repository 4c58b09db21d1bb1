"""Connections: lines that are none, limits, readers that are slow, doors that are shut."""

import sys
import time

import wire
from node import node, run, the_object


@node(client_max_line="2K", client_inflight=7, client_watches=3, client_timeout="2s", client_max_timeout="9s")
def the_greeting_tells_the_true_limits(stage):
    limits = the_object(stage.client().greeting)
    assert limits == {"line": 2048, "inflight": 7, "watches": 3, "t": 2000, "tmax": 9000}, limits


def an_empty_line_is_a_keepalive(stage):
    alice = stage.client()
    alice.sends(b"\n\r\n1 ping @\r\n")
    alice.hears("1 ok")


def a_line_may_come_in_pieces(stage):
    alice = stage.client()
    for piece in (b"1 p", b"ing", b" @\n2 ", b"ping @\n3 ping", b" @\n"):
        alice.sends(piece)
    alice.hears("1 ok", "2 ok", "3 ok")


@node(client_max_line="1K")
def a_line_that_is_too_long_is_skipped(stage):
    alice = stage.client()
    alice.sends(b'1 call a.1 f "' + b"x" * 300000 + b'"\n2 ping @\n')
    alice.hears("1 err too-long", "2 ok")
    alice.sends(b"3 ping @\n" + b"?" * 5000 + b"\n4 ping @\n")
    alice.hears("3 ok", "* err too-long", "4 ok")


def what_is_no_line_is_answered_with_a_hint(stage):
    alice = stage.client()
    alice.sends(b"1 ping @\n2 get a.1 \x01\n3 frobnicate a.1\n4 get a..1 x\n5 get a.1 x zz=1\n6 ping @\n")
    alice.hears("1 ok", "2 err bad-line …", "3 err bad-verb …", "4 err bad-line …", "5 err bad-arg …", "6 ok")


def sixteen_bad_lines_in_a_row_are_enough(stage):
    alice = stage.client()
    alice.hears_nothing()
    for _ in range(2):
        alice.sends(b"1 \x01\n" * 15)
        alice.hears(*["1 err bad-line …"] * 15)
        alice.hears_nothing()
    alice.sends(b"1 \x01\n" * 16)
    alice.hears(*["1 err bad-line …"] * 16, "* bye protocol")
    alice.is_closed()


def browsers_are_shown_the_door(stage):
    for line in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\n", b"POST " + b"/x" * 600000):
        alice = stage.client()
        alice.sends(line)
        alice.hears("* bye protocol")
        alice.is_closed()


def who_is_still_sending_hears_the_farewell_too(stage):
    alice = stage.client()
    alice.hears_nothing()
    alice.sends(b"1 bye @\n" + b"2 ping @\n" * 1000000)
    alice.hears("1 ok")
    alice.is_closed()


def what_this_version_lacks_says_so(stage):
    alice = stage.client()
    alice.says('1 auth @ {"token":"x"}', "2 hello @ session=mine", "3 call a.1 f once=1", "4 hello @ proto=2")
    alice.hears("1 err bad-verb …", "2 err no-session …", "3 err no-session …", "4 err bad-arg …")


@node(client_sessions=2)
def over_the_share_of_sessions_a_connection_is_refused(stage):
    alice, bob = stage.client(), stage.client()
    late = stage.client(greeted=False)
    late.hears('* err limit {"limit":"sessions"}')
    late.is_closed()
    bob.says("1 bye @")
    bob.hears("1 ok")
    bob.is_closed()
    stage.client().hears_nothing()
    alice.hears_nothing()


@node(descriptors=24)
def without_descriptors_it_refuses_and_stays_alive(stage):
    clients = []
    while True:
        newcomer = stage.client(greeted=False)
        line = newcomer.line()
        if not line.startswith("* stage"):
            break
        clients.append(newcomer)
    assert line == '* err limit {"limit":"descriptors"}', line
    newcomer.is_closed()
    clients[0].hears_nothing()
    clients.pop().closes()
    deadline = time.monotonic() + 10      # its end is heard when its turn comes
    newcomer = stage.client(greeted=False)
    while not newcomer.line().startswith("* stage"):
        assert time.monotonic() < deadline, "its descriptor never came back"
        newcomer = stage.client(greeted=False)
    newcomer.hears_nothing()
    clients[0].hears_nothing()


@node(client_output="4K")
def a_burst_is_not_slowness(stage):
    alice, worker = stage.client(), stage.workers[0]
    alice.says(*(f"{i} get a.1 x" for i in range(100)))
    asked = [worker.hears("get") for _ in range(100)]
    worker.sends(b"".join(wire.reply(one.rid, "x" * 1000, (1, 1)) for one in asked))
    for i in range(100):
        alice.hears(f"{i} ok v=1:1 *")


@node(client_output="256K")
def who_does_not_read_is_told_why_they_go(stage):
    alice, bob, worker = stage.client(receive_buffer=4096), stage.client(), stage.workers[0]
    alice.says(*(f"{i} get a.1 x" for i in range(200)))
    for _ in range(200):
        worker.answers(worker.hears("get"), "x" * 100000, (1, 1))
    bob.hears_nothing()
    lines = []
    while (line := alice.line()) is not None:
        lines.append(line)
    assert lines[-1] == "* bye slow" and 0 < len(lines) < 150, (len(lines), lines[-1][:80])
    bob.hears_nothing()


@node(client_stall="200ms")
def who_stands_still_goes(stage):
    alice, bob, worker = stage.client(receive_buffer=4096), stage.client(), stage.workers[0]
    alice.says(*(f"{i} get a.1 x" for i in range(70)))
    for _ in range(70):
        worker.answers(worker.hears("get"), "x" * 100000, (1, 1))
    while len(stage.asks("sessions")) > 1:
        bob.hears_nothing()


@node(client_idle="300ms")
def who_is_silent_goes_if_so_configured(stage):
    alice = stage.client()
    alice.hears("* bye idle")
    alice.is_closed()


def a_retired_gateway_serves_who_is_there_and_takes_nobody_new(stage):
    alice = stage.client()
    stage._send(wire.pack([wire.RETIRE]))
    alice.hears("* drain")
    alice.says("1 get a.1 x")
    stage.workers[0].answers(stage.workers[0].hears("get"), 5, (1, 1))
    alice.hears("1 ok v=1:1 5")
    bob = stage.client(greeted=False)         # the listener is open still, and its backlog waits
    alice.hears_nothing()
    assert len(stage.asks("sessions")) == 1
    stage._send(wire.pack([wire.LISTENER]), stage.listener.fileno())
    assert stage._message()[0] == wire.READY
    assert bob.line().startswith("* stage 1")


run(sys.modules[__name__])
