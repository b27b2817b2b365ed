"""Both clients against a server that goes wrong on purpose."""

import asyncio
import json
from datetime import datetime, timezone
from unittest import TestCase, TestSuite

import httpx

from openclaw import (
    AnswerTimeoutError,
    AsyncOpenClawClient,
    BadRequestError,
    ClientTimeoutError,
    ConflictError,
    GatewayUnreachableError,
    NotFoundError,
    OpenClawClient,
    OpenClawError,
    RateLimitedError,
    RetryPolicy,
    ServiceUnavailableError,
    UnauthorizedError,
    UnexpectedAnswerError,
    attach_file,
)
from openclaw.types import CompactionBegun, ExchangeEntry, ExchangeMessage

from .clients import on_both
from .server import END, START, ScriptedServer, answer, cut, failure, hang, reply, run_status

HEALTH = {"status": "ok", "version": "1.0.0", "uptime_seconds": 5}


class Calls:
    """What is sent, and how answers are read."""

    def test_a_message(self) -> None:
        with ScriptedServer(answer(reply("hi"))) as server:
            self.assertEqual(self.client(server.url).message("明天的天氣如何?").content, "hi")
        (request,) = server.requests
        self.assertEqual((request.method, request.target), ("POST", "/api/v1/message"))
        self.assertEqual(request.json, {"channel": "api", "message": "明天的天氣如何?"})
        self.assertEqual(request.headers["authorization"], "Bearer secret")
        self.assertTrue(request.headers["user-agent"].startswith("openclaw-python/"))

    def test_options_of_a_message(self) -> None:
        with ScriptedServer(answer(reply())) as server:
            options = {"channel": "internal", "conversation_id": "c", "timeout_ms": 5, "idempotency_key": "k"}
            self.client(server.url).message("x", metadata={"user_id": "u", "team": "kept"}, **options)
            with self.assertRaisesRegex(TypeError, "no option 'chanel'; there are channel, "):
                self.client(server.url).message("x", chanel="api")
        self.assertEqual(server.requests[0].headers["idempotency-key"], "k")
        sent = server.requests[0].json
        self.assertEqual(sent["metadata"], {"user_id": "u", "team": "kept"})
        self.assertEqual((sent["channel"], sent["conversation_id"], sent["timeout_ms"]), ("internal", "c", 5))

    def test_a_message_that_is_not_waited_for(self) -> None:
        with ScriptedServer(answer(run_status("processing"), 202)) as server:
            pending = self.client(server.url).message("x", wait_for_response=False)
        self.assertEqual((pending.id, pending.status), ("msg_pending_1", "processing"))
        self.assertIs(server.requests[0].json["wait_for_response"], False)

    def test_parameters_become_text(self) -> None:
        page = {"conversations": [], "total": 0, "limit": 5, "offset": 0}
        with ScriptedServer(answer(page), answer({"entries": [], **page}), answer({}, 404)) as server:
            client = self.client(server.url)
            client.list_conversations(limit=5, since=datetime(2026, 3, 20, tzinfo=timezone.utc))
            client.list_memories(all=True, tag="a&b")
            with self.assertRaises(NotFoundError):
                client.get_conversation("a/../b ?")
            with self.assertRaisesRegex(ValueError, "can't be an id"):
                client.get_conversation("..")
        targets = [request.target for request in server.requests]
        self.assertEqual(targets[0], "/api/v1/conversations?limit=5&since=2026-03-20T00%3A00%3A00.000Z")
        self.assertEqual(targets[1], "/api/v1/memory/entries?tag=a%26b&all=true")
        self.assertEqual(targets[2], "/api/v1/conversations/a%2F..%2Fb%20%3F")

    def test_a_base_address_with_or_without_the_prefix(self) -> None:
        for suffix in ("", "/", "/api/v1", "/api/v1/"):
            with ScriptedServer(answer(HEALTH)) as server:
                self.assertEqual(self.client(server.url + suffix).health().version, "1.0.0")
            self.assertEqual(server.requests[0].target, "/api/v1/health", suffix)
        with self.assertRaisesRegex(ValueError, "is no address of a gateway"):
            self.client("127.0.0.1:18789")

    def test_a_degraded_gateway_is_an_answer(self) -> None:
        degraded = {**HEALTH, "status": "degraded", "reason": "disk"}
        with ScriptedServer(answer(degraded, 503)) as server:
            self.assertEqual(self.client(server.url).health().reason, "disk")
        busy = answer(failure(503, "service_unavailable"), 503)
        with ScriptedServer(busy, answer(HEALTH)) as server:
            self.assertEqual(self.client(server.url).health().status, "ok")

    def test_an_export_and_an_import(self) -> None:
        message = {"conversation_id": "c", "channel": "api", "role": "user", "content": "a\u2028b", "id": "msg_1"}
        entry = {"kind": "fact", "content": "x", "importance": 0.5, "id": "mem_1"}
        message["timestamp"] = entry["created_at"] = "2026-03-20T10:00:00.000Z"
        lines = [json.dumps(item, ensure_ascii=False).encode() for item in (message, entry)]
        first = answer(lines[0] + b"\n", X_Next_Cursor="7", X_Unreadable_Records="2")
        with ScriptedServer(first, answer(lines[1]), first, answer({"imported": 2, "skipped": 0})) as server:
            client = self.client(server.url)
            items = list(client.iter_export())
            page = client.export_memory(limit=1)
            self.assertEqual(client.import_memory(items).imported, 2)
        self.assertEqual([type(item) for item in items], [ExchangeMessage, ExchangeEntry])
        self.assertEqual((page.next_cursor, page.unreadable_records), (7, 2))
        self.assertEqual(server.requests[1].target, "/api/v1/memory/export?after=7")
        sent = [json.loads(line) for line in server.requests[3].body.split(b"\n") if line]
        self.assertEqual(sent[0], message)
        self.assertEqual({name: sent[1][name] for name in entry}, entry)

    def test_two_kinds_of_answer(self) -> None:
        with ScriptedServer(answer({"status": "running", "poll_url": "/x"}, 202)) as server:
            self.assertIsInstance(self.client(server.url).compact_memory(), CompactionBegun)

    def test_null_removes_a_key_of_the_configuration(self) -> None:
        done = {"updated": [], "restart_required": False, "restart_required_for": [], "config": {}}
        with ScriptedServer(answer(done)) as server:
            self.client(server.url).put_config({"gateway": {"rate_limit": None}})
        self.assertEqual(server.requests[0].json, {"gateway": {"rate_limit": None}})


class Failures:
    """Errors, retries and time-outs."""

    def test_errors_say_what_the_gateway_said(self) -> None:
        body = failure(400, "bad_request", "`limit` is wrong", field="limit", reason="too large")
        with ScriptedServer(answer(body, 400, X_Request_Id="req_1")) as server:
            with self.assertRaises(BadRequestError) as raised:
                self.client(server.url).list_conversations(limit=1000)
        error = raised.exception
        self.assertEqual((error.status, error.code, error.request_id), (400, "bad_request", "req_1"))
        self.assertEqual((error.field, error.reason), ("limit", "too large"))
        self.assertEqual(str(error), "`limit` is wrong [400, bad_request, request req_1]")

    def test_every_code_has_its_class(self) -> None:
        for status, code, kind in [(401, "unauthorized", UnauthorizedError), (409, "conflict", ConflictError)]:
            with ScriptedServer(answer(failure(status, code), status)) as server:
                self.assertRaises(kind, self.client(server.url).status)
        with ScriptedServer(answer(b"<html>", 418)) as server:
            with self.assertRaisesRegex(OpenClawError, "The gateway answered 418"):
                self.client(server.url).status()

    def test_a_get_survives_cuts_and_busy_moments(self) -> None:
        busy = answer(failure(503, "service_unavailable"), 503)
        limited = answer(failure(429, "rate_limited"), 429, Retry_After="0")
        with ScriptedServer(cut, busy, limited, answer(b"", 502), answer(HEALTH)) as server:
            self.assertEqual(self.client(server.url).health().status, "ok")
        self.assertEqual(len(server.requests), 5)

    def test_a_message_is_repeated_under_the_same_key(self) -> None:
        def half(exchange, _) -> None:
            exchange.head(Content_Length="1000")
            exchange.send(b'{"id"')
            exchange.cut()

        with ScriptedServer(cut, half, answer(reply("once"))) as server:
            self.assertEqual(self.client(server.url).message("x").content, "once")
        keys = {request.headers["idempotency-key"] for request in server.requests}
        self.assertEqual((len(server.requests), len(keys)), (3, 1))

    def test_what_is_not_safe_is_sent_once(self) -> None:
        with ScriptedServer(cut, answer(HEALTH)) as server:
            with self.assertRaises(GatewayUnreachableError) as raised:
                self.client(server.url).forget_memory("mem_1")
        self.assertEqual((len(server.requests), raised.exception.sent), (1, True))

    def test_a_run_that_failed_is_not_tried_again(self) -> None:
        body = failure(503, "service_unavailable", id="msg_pending_1", conversation_id="c")
        with ScriptedServer(answer(body, 503)) as server:
            with self.assertRaises(ServiceUnavailableError) as raised:
                self.client(server.url).message("x")
        self.assertEqual((raised.exception.run_id, raised.exception.conversation_id), ("msg_pending_1", "c"))
        self.assertEqual(len(server.requests), 1)

    def test_retries_end(self) -> None:
        with ScriptedServer(*[cut] * 9) as server:
            with self.assertRaises(GatewayUnreachableError):
                self.client(server.url, retry=RetryPolicy(2, first_delay=0)).status()
        self.assertEqual(len(server.requests), 3)
        with ScriptedServer(*[answer(failure(429, "rate_limited"), 429, Retry_After="600")] * 2) as server:
            with self.assertRaises(RateLimitedError) as raised:
                self.client(server.url).status()
        self.assertEqual((len(server.requests), raised.exception.retry_after), (1, 600.0))

    def test_nobody_there(self) -> None:
        with ScriptedServer() as server:
            pass
        with self.assertRaisesRegex(GatewayUnreachableError, "Is it running") as raised:
            self.client(server.url).status()
        self.assertIs(raised.exception.sent, False)
        self.assertIsInstance(raised.exception, ConnectionError)

    def test_a_gateway_that_says_nothing(self) -> None:
        with ScriptedServer(hang) as server:
            with self.assertRaises(ClientTimeoutError) as raised:
                self.client(server.url, timeout=0.1, max_retries=0, retry=None).status()
        self.assertIsInstance(raised.exception, TimeoutError)

    def test_wrong_json(self) -> None:
        for body, said in [(b"<html>", "is no JSON"), (b"[]", "an object, not list"), (b"{}", "has no `status`")]:
            with ScriptedServer(answer(body)) as server:
                with self.assertRaisesRegex(UnexpectedAnswerError, said):
                    self.client(server.url).status()

    def test_a_redirect_is_not_followed(self) -> None:
        with ScriptedServer(answer(b"", 307, Location="http://127.0.0.1:9/")) as server:
            with self.assertRaises(OpenClawError):
                self.client(server.url).status()


class Waiting:
    """Runs that outlast their request."""

    def test_a_time_out_tells_which_run_to_wait_for(self) -> None:
        late = answer(failure(408, "timeout", id="msg_pending_1", poll_url="/x"), 408)
        with ScriptedServer(late, tell(END), answer(run_status("completed", response=reply("late")))) as server:
            client = self.client(server.url)
            with self.assertRaises(AnswerTimeoutError) as raised:
                client.message("x", timeout_ms=1)
            self.assertEqual(client.wait(raised.exception.run_id).content, "late")
        targets = [request.target for request in server.requests[1:]]
        self.assertEqual(targets, ["/api/v1/message/msg_pending_1/stream", "/api/v1/message/msg_pending_1/status"])

    def test_a_run_that_fails_raises_its_error(self) -> None:
        failed = failure(503, "service_unavailable", "all providers are down")
        told = tell({"type": "error", **failed})
        with ScriptedServer(told, answer(run_status("failed", error=failed))) as server:
            with self.assertRaisesRegex(ServiceUnavailableError, "all providers are down") as raised:
                self.client(server.url).wait("msg_pending_1")
        self.assertEqual(raised.exception.run_id, "msg_pending_1")

    def test_a_run_that_is_cancelled_is_a_conflict(self) -> None:
        told = tell({"type": "error", **failure(409, "conflict")})
        with ScriptedServer(told, answer(run_status("cancelled"))) as server:
            with self.assertRaises(ConflictError) as raised:
                self.client(server.url).wait("msg_pending_1")
        self.assertEqual(raised.exception.details["reason"], "cancelled")

    def test_patience_ends(self) -> None:
        def silent(exchange, _) -> None:
            exchange.begin_stream()
            exchange.event("0-0", **START)
            exchange.hang()

        with ScriptedServer(silent, silent) as server:
            with self.assertRaisesRegex(ClientTimeoutError, "msg_pending_1 did not end in time; it goes on"):
                self.client(server.url).wait("msg_pending_1", timeout=0.2)


class Pages:
    """Lists as one."""

    def page(self, ids, total, offset=0):
        time = "2026-03-20T10:00:00Z"
        about = {"channel": "api", "created_at": time, "last_message_at": time, "message_count": 1, "summary": ""}
        items = [{"id": id, **about} for id in ids]
        return answer({"conversations": items, "total": total, "limit": 2, "offset": offset})

    def test_all_pages_are_one_list(self) -> None:
        # `c` came meanwhile, which moved `b` to the next page.
        with ScriptedServer(self.page("ab", 3), self.page("bd", 4)) as server:
            found = [item.id for item in self.client(server.url).iter_conversations(channel="api")]
        self.assertEqual(found, ["a", "b", "d"])
        self.assertEqual(server.requests[1].target, "/api/v1/conversations?limit=100&offset=2&channel=api")

    def test_what_is_deleted_meanwhile_hides_nothing(self) -> None:
        steps = [self.page("ab", 4), self.page("", 2), self.page("cd", 2)]
        with ScriptedServer(*steps) as server:
            found = [item.id for item in self.client(server.url).iter_conversations()]
        self.assertEqual(found, ["a", "b", "c", "d"])
        self.assertIn("offset=0", server.requests[2].target)

    def test_a_conversations_messages(self) -> None:
        def messages(*numbers):
            item = {"role": "user", "content": "x", "timestamp": "2026-03-20T10:00:00Z"}
            about = {"id": "c", "channel": "api", "created_at": item["timestamp"], "message_count": 1, "summary": ""}
            about["last_message_at"] = item["timestamp"]
            return answer({**about, "messages": [{"id": f"m{number}", **item} for number in numbers]})

        with ScriptedServer(messages(*range(50, 150)), messages(*range(50))) as server:
            found = [message.id for message in self.client(server.url).iter_messages("c")]
        self.assertEqual(found, [f"m{number}" for number in reversed(range(150))])
        self.assertEqual(server.requests[1].target, "/api/v1/conversations/c?limit=100&before=m50")


class Making(TestCase):
    """What needs no gateway."""

    def test_the_environments_proxies_do_not_see_a_local_gateway(self) -> None:
        self.assertFalse(OpenClawClient()._http.trust_env)
        self.assertFalse(AsyncOpenClawClient("http://localhost:1")._http.trust_env)
        self.assertTrue(OpenClawClient("https://gateway.example")._http.trust_env)

    def test_the_token_is_not_shown(self) -> None:
        self.assertNotIn("secret", repr(OpenClawClient(token="secret")))

    def test_files_become_attachments(self) -> None:
        import tempfile
        from pathlib import Path

        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "note.txt")
            path.write_bytes(b"hi")
            self.assertEqual(attach_file(path), {"name": "note.txt", "mime_type": "text/plain", "data": "aGk="})
            self.assertEqual(attach_file(str(path), "text/x-note")["mime_type"], "text/x-note")

    def test_transports_of_ones_own(self) -> None:
        transport = httpx.MockTransport(lambda request: httpx.Response(200, json=HEALTH))
        with OpenClawClient(transport=transport) as client:
            self.assertEqual(client.health().status, "ok")

    def test_a_cancelled_task_lets_its_connection_go(self) -> None:
        gone = []

        def watched(exchange, request) -> None:
            exchange.hang()
            gone.append(exchange.closed_by_client.is_set())

        async def impatient(url: str) -> None:
            async with AsyncOpenClawClient(url) as client:
                with self.assertRaises(asyncio.TimeoutError):
                    await asyncio.wait_for(client.message("x"), 0.1)
                self.assertEqual(client._http._transport._pool.connections, [])
                self.assertEqual((await client.health()).status, "ok")

        with ScriptedServer(watched, answer(HEALTH)) as server:
            asyncio.run(impatient(server.url))


def tell(*events):
    """A step that tells these events."""

    def step(exchange, _) -> None:
        exchange.begin_stream()
        for number, event in enumerate(events):
            exchange.event(f"0-{number}", **event)
        exchange.end_stream()

    return step


def load_tests(loader, tests, pattern) -> TestSuite:
    suite = TestSuite()
    for case in [*on_both(Calls), *on_both(Failures), *on_both(Waiting), *on_both(Pages), Making]:
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite
