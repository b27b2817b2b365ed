"""WebSocket sessions, against a socket that says what a test wrote down."""

import asyncio
import json
import threading
from contextlib import contextmanager, suppress
from unittest import TestCase, TestSuite, skipUnless

from openclaw import (
    AsyncOpenClawClient,
    BadRequestError,
    GatewayUnreachableError,
    OpenClawError,
    UnauthorizedError,
    UnexpectedAnswerError,
)

from .clients import SyncCase, on_both
from .server import END, START, failure, reply

try:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.server import serve
except ImportError:
    serve = None  # type: ignore[assignment]

GREETING = {"type": "auth_success", "session_id": "ws_1"}


def say(socket, request, /, **frame):
    socket.send(json.dumps({**frame, "request_id": request["request_id"]}))


def echo(socket, request):
    """Answers as the gateway does."""
    if request["type"] == "ping":
        return socket.send('{"type": "pong"}')
    if request["type"] == "approve":
        return say(socket, request, type="approval", id=request["id"], status="processing", approved=["c"], denied=[])
    if request.get("stream"):
        for event in (START, {"type": "token", "content": request["content"]}, END):
            say(socket, request, **event)
    say(socket, request, type="response", **reply(request["content"]))


@contextmanager
def gateway(answer, greeting=GREETING):
    """The address of a socket that greets, and gives each frame to ``answer``."""
    seen = []

    def handle(socket):
        seen.append(json.loads(socket.recv()))
        socket.send(json.dumps(greeting))
        with suppress(ConnectionClosed):
            for text in socket:
                seen.append(json.loads(text))
                answer(socket, seen[-1])

    with serve(handle, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}", seen
        server.shutdown()
        thread.join()


class Sessions:
    def test_messages_streams_approvals_and_pings(self) -> None:
        with gateway(echo) as (url, seen), self.client(url).session() as session:
            self.assertEqual(session.id, "ws_1")
            answer = session.message("hi", conversation_id="c", timeout_ms=5)
            self.assertEqual((answer.content, answer.extra), ("hi", {"type": "response"}))
            chunks = list(session.message_stream("poem"))
            self.assertEqual([(chunk.type, chunk.content) for chunk in chunks][1], ("token", "poem"))
            self.assertEqual([chunk.type for chunk in chunks], ["start", "token", "end"])
            self.assertEqual(session.approve_message("msg_1", approve=False, reason="no").approved, ["c"])
            session.ping()
        self.assertEqual(seen[0], {"type": "auth", "token": "secret"})
        sent = {"type": "message", "request_id": "py-1", "content": "hi", "channel": "api"}
        self.assertEqual(seen[1], {**sent, "conversation_id": "c", "timeout_ms": 5})
        self.assertIs(seen[2]["stream"], True)
        self.assertIs(seen[3]["approve"], False)

    def test_errors_belong_to_their_message(self) -> None:
        def refuse(socket, request):
            if request["content"] == "bad":
                say(socket, request, type="error", **failure(400, "bad_request", field="content"))
            else:
                echo(socket, request)

        with gateway(refuse) as (url, _), self.client(url).session() as session:
            with self.assertRaises(BadRequestError) as raised:
                session.message("bad")
            self.assertEqual(raised.exception.field, "content")
            with self.assertRaises(BadRequestError):
                list(session.message_stream("bad"))
            self.assertEqual(session.message("good").content, "good")

    def test_a_wrong_token(self) -> None:
        refusal = {"type": "error", **failure(401, "unauthorized")}
        with gateway(echo, refusal) as (url, _):
            with self.assertRaises(UnauthorizedError):
                self.client(url).session().__enter__()

    def test_a_session_that_breaks(self) -> None:
        def leave(socket, request):
            socket.close(1001, "the gateway is shutting down")

        with gateway(leave) as (url, _), self.client(url).session() as session:
            for _ in range(2):
                with self.assertRaisesRegex(GatewayUnreachableError, "1001 the gateway is shutting down"):
                    session.message("x")
            with self.assertRaises(GatewayUnreachableError):
                session.ping()

    def test_a_token_that_is_valid_no_more(self) -> None:
        def expire(socket, request):
            socket.send(json.dumps({"type": "error", **failure(401, "unauthorized", "the token has changed")}))
            socket.close(4001, "unauthorized")

        with gateway(expire) as (url, _), self.client(url).session() as session:
            with self.assertRaisesRegex(UnauthorizedError, "the token has changed"):
                session.message("x")

    def test_frames_that_make_no_sense(self) -> None:
        with gateway(lambda socket, _: socket.send("{not json")) as (url, _):
            with self.client(url).session() as session:
                with self.assertRaisesRegex(UnexpectedAnswerError, "is no JSON"):
                    session.message("x")

    def test_nobody_there(self) -> None:
        with gateway(echo) as (url, _):
            pass
        with self.assertRaises(GatewayUnreachableError):
            self.client(url).session().__enter__()

    def test_it_has_to_be_opened(self) -> None:
        with self.assertRaisesRegex(RuntimeError, "the session is not open"):
            self.client("http://127.0.0.1:1").session().message("x")


class AtOnce(SyncCase):
    """Many messages on one socket."""

    def late(self):
        """Answers the first two messages when both are there, the later one first."""
        waiting = []

        def answer(socket, request):
            waiting.append(request)
            if len(waiting) == 2:
                for request in reversed(waiting):
                    echo(socket, request)

        return answer

    def test_threads(self) -> None:
        answers = {}
        with gateway(self.late()) as (url, _), self.client(url).session() as session:

            def ask(text):
                answers[text] = session.message(text).content

            threads = [threading.Thread(target=ask, args=(text,)) for text in "ab"]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(answers, {"a": "a", "b": "b"})

    def test_tasks(self) -> None:
        async def ask(url):
            async with AsyncOpenClawClient(url) as client, client.session() as session:
                return [answer.content for answer in await asyncio.gather(session.message("a"), session.message("b"))]

        with gateway(self.late()) as (url, _):
            self.assertEqual(asyncio.run(ask(url)), ["a", "b"])

    def test_a_task_that_is_cancelled_leaves_the_session_whole(self) -> None:
        def slow(socket, request):
            if request["content"] != "never":
                echo(socket, request)

        async def ask(url):
            async with AsyncOpenClawClient(url) as client, client.session() as session:
                with self.assertRaises(asyncio.TimeoutError):
                    await asyncio.wait_for(session.message("never"), 0.1)
                return (await session.message("x")).content

        with gateway(slow) as (url, _):
            self.assertEqual(asyncio.run(ask(url)), "x")


class Refused(TestCase):
    def test_an_upgrade_that_is_refused(self) -> None:
        from openclaw import ForbiddenError, OpenClawClient

        from .server import ScriptedServer, answer

        with ScriptedServer(answer(failure(403, "forbidden", "origin"), 403, Connection="close")) as server:
            with self.assertRaises(OpenClawError) as raised, OpenClawClient(server.url).session():
                pass
        self.assertIsInstance(raised.exception, ForbiddenError)


def load_tests(loader, tests, pattern) -> TestSuite:
    suite = TestSuite()
    for case in [*on_both(Sessions), AtOnce, Refused]:
        case = skipUnless(serve, "the package `websockets` is not installed")(case)
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite
