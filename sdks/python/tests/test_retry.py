from typing import Any, Generator, List
from unittest import TestCase

from openclaw import GatewayUnreachableError, OpenClawError, RetryPolicy
from openclaw import _calls as calls
from openclaw._errors import from_answer
from openclaw._flow import Emit, Head, Open, Read, Sleep, call
from openclaw._request import Call
from openclaw._retry import Settings

from .server import failure, reply

HEALTH = b'{"status": "ok", "version": "1", "uptime_seconds": 1}'


def error(status: int, code: str = "x", headers: Any = None, **details: Any) -> OpenClawError:
    import json

    return from_answer(status, headers or {}, json.dumps(failure(status, code, **details)).encode())


class Policy(TestCase):
    policy = RetryPolicy(max_retries=3, first_delay=1, max_delay=3)

    def delay(self, error: OpenClawError, failures: int = 1, repeatable: bool = True, dice: float = 0.0) -> Any:
        return self.policy.delay(error, failures, repeatable, dice)

    def test_delays_double_up_to_a_bound_and_are_shortened_at_random(self) -> None:
        busy = error(503, "service_unavailable")
        self.assertEqual([self.delay(busy, failures) for failures in (1, 2, 3, 4)], [1, 2, 3, None])
        self.assertEqual(self.delay(busy, 2, dice=0.5), 1.5)

    def test_what_the_gateway_asks_for_is_waited(self) -> None:
        limited = error(429, "rate_limited", {"retry-after": "30"})
        self.assertEqual(self.delay(limited, dice=0.5), 30.5)
        self.assertIsNone(self.delay(error(429, "rate_limited", {"retry-after": "61"})))
        # A date is left to the usual delays.
        self.assertEqual(self.delay(error(429, "rate_limited", {"retry-after": "Fri, 20 Mar"})), 1)

    def test_what_is_not_safe_to_repeat_is_repeated_only_when_nothing_was_done(self) -> None:
        for mistake, may in [
            (GatewayUnreachableError("x", sent=False), True),
            (GatewayUnreachableError("x", sent=True), False),
            (error(429, "rate_limited"), True),
            (error(503, "service_unavailable"), False),
            (error(503, "service_unavailable", {"retry-after": "1"}), True),
            (error(502), False),
        ]:
            self.assertEqual(self.delay(mistake, repeatable=False) is not None, may, mistake)
            self.assertIsNotNone(self.delay(mistake), mistake)

    def test_what_would_go_wrong_again_is_not_repeated(self) -> None:
        for status in (400, 401, 403, 404, 408, 409, 413, 415, 500):
            self.assertIsNone(self.delay(error(status)), status)
        # A run that failed stays failed; one that a shutdown interrupted does not.
        self.assertIsNone(self.delay(error(503, "service_unavailable", id="msg_pending_1")))
        self.assertIsNotNone(self.delay(error(503, "service_unavailable", id="msg_pending_1", poll_url="/x")))


class Flows(TestCase):
    """A whole call, without a connection and without time."""

    def play(self, flow: Generator[Any, Any, None], *results: Any) -> List[Any]:
        """The effects of a flow that is given these results."""
        effects = [next(flow)]
        for result in results:
            step = flow.throw if isinstance(result, Exception) else flow.send
            effects.append(step(result))  # type: ignore[operator]
        return effects

    def call(self, call_: Call[Any], *results: Any, **settings: Any) -> List[Any]:
        return self.play(call(call_, Settings(dice=lambda: 0.0, **settings)), *results)

    def test_waits_and_tries_again(self) -> None:
        limited = Head(429, {"retry-after": "7"})
        broken = GatewayUnreachableError("x")
        effects = self.call(calls.status(), limited, b"{}", b"", None, broken, None, Head(401, {}), b""[:0] or b"{}")
        kinds = [type(effect) for effect in effects]
        self.assertEqual(kinds, [Open, Read, Read, Sleep, Open, Sleep, Open, Read, Read])
        self.assertEqual([effect.seconds for effect in effects if isinstance(effect, Sleep)], [7.0, 1.0])

    def test_a_message_keeps_its_key(self) -> None:
        effects = self.call(calls.message("hi"), GatewayUnreachableError("x"), None)
        first, again = [effect.request for effect in effects if isinstance(effect, Open)]
        self.assertEqual(first, again)
        self.assertGreaterEqual(len(first.headers["Idempotency-Key"]), 16)
        self.assertEqual(calls.message("hi", idempotency_key="k").request.headers["Idempotency-Key"], "k")
        other = calls.message("hi").request.headers["Idempotency-Key"]
        self.assertNotEqual(first.headers["Idempotency-Key"], other)

    def test_a_message_is_waited_for_longer_than_the_gateway_waits(self) -> None:
        (opened,) = self.call(calls.message("hi", timeout_ms=120_000), timeout=5)
        self.assertEqual((opened.connect_timeout, opened.read_timeout), (5, 130.0))

    def test_a_trickle_ends_at_the_deadline(self) -> None:
        times = iter([0.0, 10.0, 29.0, 31.0])
        with self.assertRaisesRegex(GatewayUnreachableError, "not answered in time"):
            settings = {"clock": lambda: next(times), "retry": RetryPolicy(0)}
            self.call(calls.status(), Head(200, {}), b"{", b" ", b" ", **settings)

    def test_an_answer_is_emitted(self) -> None:
        import json

        effects = self.call(calls.message("hi"), Head(200, {}), json.dumps(reply("yes")).encode(), b"")
        self.assertIsInstance(effects[-1], Emit)
        self.assertEqual(effects[-1].item.content, "yes")
