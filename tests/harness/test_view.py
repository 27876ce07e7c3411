"""What several rules ask of one message is reckoned once, until the message is forgotten."""

from __future__ import annotations

from harness.body import Body
from harness.exchange import Answer, Ask, Exchange, Headers, view


def test_a_view_is_reckoned_once_until_it_is_forgotten() -> None:
    reckoned = []
    statuses = view(lambda x: reckoned.append(x.seq) or [x.answer.status])
    sizes = view(lambda answer: reckoned.append(0) or answer.body.size)
    answer = Answer(200, "OK", Headers(), Body.of(b"abc"))
    x = Exchange(1, Ask("GET", "/a", "http://h/"), answer)
    assert [statuses(x), statuses(x), sizes(answer), sizes(x.answer)] == [[200], [200], 3, 3]
    assert reckoned == [1, 0]
    x.forget()
    assert (statuses(x), sizes(answer)) == ([200], 3)
    assert reckoned == [1, 0, 1, 0]


def test_a_changed_message_has_views_of_its_own() -> None:
    size = view(lambda answer: answer.body.size)
    answer = Answer(200, "OK", Headers(), Body.of(b"abc"))
    assert (size(answer), size(answer.but(body=b"abcd")), size(answer)) == (3, 4, 3)
    assert answer == Answer(200, "OK", Headers(), Body.of(b"abc"))
