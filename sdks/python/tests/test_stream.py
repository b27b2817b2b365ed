"""Answers as they are written, over connections that break."""

import asyncio
import threading
from unittest import TestCase, TestSuite

from openclaw import (
    AsyncOpenClawClient,
    ConflictError,
    GatewayUnreachableError,
    NotFoundError,
    OpenClawClient,
    RetryPolicy,
    ServiceUnavailableError,
    UnexpectedAnswerError,
)
from openclaw.types import EndEvent, SkillCallEvent

from .clients import AT_ONCE, on_both
from .server import END, START, ScriptedServer, answer, cut, failure

AWAITING = {
    "type": "skill_call",
    "skill": "files",
    "tool": "files.write",
    "call_id": "call_1",
    "arguments": {"path": "a"},
    "status": "awaiting_approval",
    "reason": "it may change files",
}
INVOKING = {name: value for name, value in {**AWAITING, "status": "invoking"}.items() if name != "reason"}
GOODBYE = {"type": "error", **failure(503, "service_unavailable", id="msg_pending_1", poll_url="/x")}


def token(content):
    return {"type": "token", "content": content}


def tell(*events, end="end"):
    """A step that tells ``(id, event)`` pairs, and then ends the answer, cuts the connection or hangs."""

    def step(exchange, _) -> None:
        exchange.begin_stream()
        for id, event in events:
            exchange.event(id, **event)
        {"end": exchange.end_stream, "cut": exchange.cut, "hang": exchange.hang}[end]()

    return step


POEM = [("0-0", START), ("0-1", token("春")), ("0-2", token("風")), ("0-3", END)]


class Streams:
    def test_every_chunk_can_be_printed(self) -> None:
        events = [POEM[0], ("0-1", INVOKING), *POEM[1:3], ("0-3", {"type": "mood", "level": 3}), ("0-4", END)]
        with ScriptedServer(tell(*events)) as server:
            stream = self.client(server.url).message_stream("寫一首詩", conversation_id="c")
            chunks = list(stream)
        self.assertEqual("".join(chunk.content for chunk in chunks), "春風")
        types = ["start", "skill_call", "token", "token", "mood", "end"]
        self.assertEqual([chunk.type for chunk in chunks], types)
        self.assertIsInstance(chunks[1].event, SkillCallEvent)
        self.assertEqual((chunks[4].event, chunks[4].data["level"]), (None, 3))
        self.assertIsInstance(chunks[5].event, EndEvent)
        self.assertEqual((stream.run_id, stream.conversation_id), ("msg_pending_1", "conv_1"))
        self.assertEqual((stream.last_event_id, stream.text), ("0-4", "春風"))
        (request,) = server.requests
        self.assertEqual(request.headers["accept"], "text/event-stream")
        self.assertEqual(request.json, {"channel": "api", "message": "寫一首詩", "conversation_id": "c"})

    def test_goes_on_wherever_the_connection_breaks(self) -> None:
        for broken in range(len(POEM) + 1):
            for end in ("cut", "end"):
                with ScriptedServer(tell(*POEM[:broken], end=end), tell(*POEM[broken:])) as server:
                    chunks = list(self.client(server.url).message_stream("x"))
                self.assertEqual([chunk.id for chunk in chunks], ["0-0", "0-1", "0-2", "0-3"], (broken, end))
                if broken == 0:
                    first, again = server.requests
                    self.assertEqual(again.method, "POST")
                    self.assertEqual(first.headers["idempotency-key"], again.headers["idempotency-key"])
                elif broken < len(POEM):
                    again = server.requests[1]
                    self.assertEqual(again.target, "/api/v1/message/msg_pending_1/stream")
                    self.assertEqual(again.headers["last-event-id"], POEM[broken - 1][0])

    def test_half_an_event_is_no_event(self) -> None:
        def half(exchange, _) -> None:
            exchange.begin_stream()
            exchange.event("0-0", **START)
            exchange.chunk(b'id: 0-1\ndata: {"type": "token", "content": "\xe6\x98')
            exchange.cut()

        with ScriptedServer(half, tell(*POEM[1:])) as server:
            self.assertEqual("".join(c.content for c in self.client(server.url).message_stream("x")), "春風")

    def test_many_breaks_are_survived_as_long_as_it_gets_on(self) -> None:
        steps = [tell(POEM[0], end="cut")]
        steps += [tell((f"0-{number}", token(f"{number} ")), end="cut") for number in range(1, 30)]
        with ScriptedServer(*steps, tell(("0-30", END))) as server:
            client = self.client(server.url, retry=RetryPolicy(1, first_delay=0))
            text = "".join(chunk.content for chunk in client.message_stream("x"))
        self.assertEqual(text, "".join(f"{number} " for number in range(1, 30)))

    def test_gives_up_when_it_does_not_get_on(self) -> None:
        with ScriptedServer(tell(*POEM[:2]), cut, cut, cut) as server:
            stream = self.client(server.url, retry=RetryPolicy(2, first_delay=0)).message_stream("x")
            with self.assertRaises(GatewayUnreachableError):
                list(stream)
        self.assertEqual((len(server.requests), stream.text), (3, "春"))
        self.assertEqual((stream.run_id, stream.last_event_id), ("msg_pending_1", "0-1"))

    def test_a_gateway_that_restarts(self) -> None:
        busy = answer(failure(503, "service_unavailable"), 503)
        limited = answer(failure(429, "rate_limited"), 429, Retry_After="0")
        with ScriptedServer(tell(*POEM[:2], (None, GOODBYE)), busy, limited, tell(*POEM[2:])) as server:
            chunks = list(self.client(server.url).message_stream("x"))
        self.assertEqual([chunk.type for chunk in chunks], ["start", "token", "token", "end"])
        self.assertEqual(server.requests[3].headers["last-event-id"], "0-1")

    def test_a_run_that_begins_anew(self) -> None:
        anew = [("1-0", START), ("1-1", token("b")), ("1-2", END)]
        with ScriptedServer(tell(("0-0", START), ("0-1", token("a"))), tell(*anew)) as server:
            stream = self.client(server.url).message_stream("x")
            types = [chunk.type for chunk in stream]
        self.assertEqual(types, ["start", "token", "start", "token", "end"])
        self.assertEqual(stream.text, "b")

    def test_what_was_told_under_the_same_id_is_not_told_twice(self) -> None:
        before = [POEM[0], ("0-1", AWAITING), ("0-1", INVOKING)]
        with ScriptedServer(tell(*before), tell(("0-1", INVOKING), ("0-2", END))) as server:
            types = [chunk.type for chunk in self.client(server.url).message_stream("x")]
        self.assertEqual(types, ["start", "skill_call", "skill_call", "end"])
        with ScriptedServer(tell(*before[:2]), tell(("0-1", INVOKING), ("0-2", END))) as server:
            types = [chunk.type for chunk in self.client(server.url).message_stream("x")]
        self.assertEqual(types, ["start", "skill_call", "skill_call", "end"])

    def test_a_run_that_fails_raises_its_error(self) -> None:
        failed = {"type": "error", **failure(503, "service_unavailable", "nobody answers")}
        with ScriptedServer(tell(*POEM[:2], ("0-2", failed))) as server:
            stream = self.client(server.url).message_stream("x")
            seen = []
            with self.assertRaisesRegex(ServiceUnavailableError, "nobody answers") as raised:
                for chunk in stream:
                    seen.append(chunk.content)
        self.assertEqual((seen, raised.exception.run_id), (["", "春"], "msg_pending_1"))
        self.assertEqual(len(server.requests), 1)
        cancelled = {"type": "error", **failure(409, "conflict", reason="cancelled")}
        with ScriptedServer(tell(POEM[0], ("0-1", cancelled))) as server:
            with self.assertRaises(ConflictError):
                list(self.client(server.url).message_stream("x"))

    def test_follows_a_run_from_its_start_or_after_an_event(self) -> None:
        with ScriptedServer(tell(*POEM), tell(*POEM[2:]), answer(failure(404, "not_found"), 404)) as server:
            client = self.client(server.url)
            self.assertEqual("".join(chunk.content for chunk in client.follow_message("msg_1")), "春風")
            rest = client.follow_message("msg_1", last_event_id="0-1")
            self.assertEqual("".join(chunk.content for chunk in rest), "風")
            with self.assertRaises(NotFoundError):
                next(client.follow_message("msg_2"))
        self.assertNotIn("last-event-id", server.requests[0].headers)
        self.assertEqual(server.requests[1].headers["last-event-id"], "0-1")

    def test_what_is_no_stream_is_said_so(self) -> None:
        def garbage(exchange, _) -> None:
            exchange.begin_stream()
            exchange.chunk(b"data: {not json}\n\n")

        with ScriptedServer(answer(b"<html>", Content_Type="text/html"), garbage) as server:
            for said in ("is no stream of events", "is no JSON"):
                with self.assertRaisesRegex(UnexpectedAnswerError, said):
                    list(self.client(server.url).message_stream("x"))

    def test_closing_the_stream_closes_the_connection(self) -> None:
        gone = threading.Event()

        def watched(exchange, _) -> None:
            exchange.begin_stream()
            exchange.event("0-0", **START)
            exchange.hang()
            gone.set()

        with ScriptedServer(watched) as server:
            stream = self.client(server.url).message_stream("x")
            self.assertEqual(next(stream).type, "start")
            stream.close()
            self.assertTrue(gone.wait(5))
            self.assertEqual(list(stream), [])


class Leaving(TestCase):
    """Ways out of a loop."""

    def watched(self):
        gone = threading.Event()

        def step(exchange, _) -> None:
            exchange.begin_stream()
            exchange.event("0-0", **START)
            exchange.hang()
            gone.set()

        return step, gone

    def test_break(self) -> None:
        step, gone = self.watched()
        with ScriptedServer(step) as server, OpenClawClient(server.url, retry=AT_ONCE) as client:
            for _ in client.message_stream("x"):
                break
            self.assertTrue(gone.wait(5))

    def test_break_in_asyncio(self) -> None:
        step, gone = self.watched()

        async def leave(url: str) -> bool:
            async with AsyncOpenClawClient(url, retry=AT_ONCE) as client:
                async for _ in client.message_stream("x"):
                    break
                return await asyncio.get_running_loop().run_in_executor(None, gone.wait, 5)

        with ScriptedServer(step) as server:
            self.assertTrue(asyncio.run(leave(server.url)))

    def test_cancelling_the_task(self) -> None:
        step, gone = self.watched()

        async def leave(url: str) -> bool:
            async with AsyncOpenClawClient(url, retry=AT_ONCE) as client:
                begun = asyncio.Event()

                async def read() -> None:
                    async for _ in client.message_stream("x"):
                        begun.set()

                task = asyncio.create_task(read())
                await begun.wait()
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task
                return await asyncio.get_running_loop().run_in_executor(None, gone.wait, 5)

        with ScriptedServer(step) as server:
            self.assertTrue(asyncio.run(leave(server.url)))


def load_tests(loader, tests, pattern) -> TestSuite:
    suite = TestSuite()
    for case in [*on_both(Streams), Leaving]:
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite
