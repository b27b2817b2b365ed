"""Every method of both clients against the gateway: each answer is what its type says.

The model repeats what it is shown; memories may stand before the message.
"""

import asyncio
import base64
import hmac
import json
import os
import time
import typing
from datetime import datetime, timezone

from clients import Blocking

import openclaw
from openclaw import AsyncOpenClawClient, BadRequestError, ConflictError, NotFoundError, OpenClawClient
from openclaw.types import CompactionBegun, CompactionReport, ExchangeEntry, ExchangeMessage

USED = set()


class Noted:
    """A client whose used methods are written down."""

    def __init__(self, client) -> None:
        self._client = client

    def __getattr__(self, name):
        USED.add(name)
        return getattr(self._client, name)


def raises(kind, call, *args, **options):
    try:
        call(*args, **options)
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def messages(client, mark) -> None:
    answer = client.message(f"hello {mark}", conversation_id=f"conv_{mark}", metadata={"user_id": "u", "team": "t"})
    assert answer.content.endswith(f"hello {mark}") and answer.role == "assistant", answer
    again = client.message("once", idempotency_key=f"key-{mark}")
    assert client.message("once", idempotency_key=f"key-{mark}").id == again.id

    pending = client.message("later", wait_for_response=False)
    assert pending.status == "processing"
    assert client.wait(pending.id, timeout=30).content.endswith("later")
    status = client.message_status(pending.id)
    assert status.status == "completed" and status.response.content.endswith("later")
    assert client.message_context(pending.id).reply_id == status.response.id
    assert raises(ConflictError, client.cancel_message, pending.id).details["status"] == "completed"
    raises(ConflictError, client.approve_message, pending.id, reason="fine")

    stream = client.message_stream("a poem", conversation_id=f"conv_{mark}")
    chunks = list(stream)
    assert chunks[0].type == "start" and chunks[-1].type == "end", chunks
    text = "".join(chunk.content for chunk in chunks)
    assert text.endswith("a poem") and text == stream.text, text
    told = list(client.follow_message(stream.run_id))
    assert "".join(chunk.content for chunk in told) == text, told
    rest = list(client.follow_message(stream.run_id, last_event_id=told[0].id))
    assert [chunk.id for chunk in rest] == [chunk.id for chunk in told[1:]]


def conversations(client, mark) -> None:
    page = client.list_conversations(limit=1, channel="api", since=datetime(2020, 1, 1, tzinfo=timezone.utc))
    assert len(page.conversations) == 1 and page.total > 1
    assert f"conv_{mark}" in {conversation.id for conversation in client.iter_conversations()}
    conversation = client.get_conversation(f"conv_{mark}", explain=True)
    assert [message.role for message in conversation.messages] == ["user", "assistant"] * 2
    assert conversation.messages[0].metadata.extra == {"team": "t"}
    backwards = [message.id for message in client.iter_messages(f"conv_{mark}")]
    assert backwards == [message.id for message in reversed(conversation.messages)]
    assert client.delete_conversation(f"conv_{mark}").messages_deleted == 4
    raises(NotFoundError, client.get_conversation, f"conv_{mark}")


def memory(client, mark) -> None:
    entry = client.remember(
        "task", f"buy tea {mark}", importance=0.75, tags=["shop"], expires_at="2099-01-01T00:00:00Z"
    )
    assert entry.importance == 0.75 and entry.expires_at.year == 2099
    assert client.get_memory(entry.id) == entry
    assert entry.id in {each.id for each in client.iter_memories(kind="task", tag="shop")}
    assert client.list_memories(limit=1, all=True).limit == 1
    assert client.complete_memory(entry.id).completed_at is not None
    found = client.search_memory(f"tea {mark}", limit=5, type="all")
    assert found.total >= 1 and found.results[0].score > 0
    assert client.memory_stats().wal.entries > 0

    items = list(client.iter_export())
    assert {type(item) for item in items} == {ExchangeMessage, ExchangeEntry}
    assert client.import_memory(items).skipped == len(items)
    page = client.export_memory(limit=1)
    assert page.next_cursor is not None and page.unreadable_records == 0
    said = datetime(2001, 2, 3, 4, 5, 6, 7000, tzinfo=timezone.utc)
    old = {"conversation_id": f"old_{mark}", "channel": "api", "role": "user", "content": "a\u2028b", "timestamp": said}
    assert client.import_memory([old]).imported == 1
    (message,) = client.iter_messages(f"old_{mark}")
    assert (message.content, message.timestamp) == ("a\u2028b", said)
    refused = raises(BadRequestError, client.prune_memory, said.replace(year=2002))
    assert refused.details["would_prune"]["wal_entries"] >= 1
    assert client.prune_memory("2002-01-01T00:00:00Z", type="all", confirm=True).pruned.wal_entries >= 1

    assert isinstance(client.compact_memory(offline=True, dry_run=True), CompactionReport)
    done = client.compact_memory(offline=True, everything=True, wait=True)
    assert isinstance(done, (CompactionReport, CompactionBegun))
    assert client.compaction_history(limit=5).running is None
    assert client.collect_garbage().bytes >= 0
    assert client.verify_memory().sound
    assert client.forget_memory(entry.id).deleted


def the_rest(client, mark) -> None:
    assert client.health().status == "ok"
    status = client.status()
    assert status.gateway.auth_enabled and status.status == "running"
    assert client.install_skill("weather").name == "weather"
    assert [skill.name for skill in client.list_skills().skills] == ["weather"]
    assert client.remove_skill("weather").removed
    updated = client.put_config({"gateway": {"rate_limit": {"requests_per_minute": 100_000}}})
    assert updated.updated == [] or "gateway.rate_limit.requests_per_minute" in updated.updated
    assert client.get_config()["gateway"]["rate_limit"]["requests_per_minute"] == 100_000
    assert client.logs(lines=5, level="info").logs[0].component
    error = raises(BadRequestError, client.logs, lines=0)
    assert error.field == "lines" and error.request_id
    with type_of(client)(os.environ["GATEWAY_URL"], "wrong") as stranger:
        raises(openclaw.UnauthorizedError, stranger.status)

    with client.session() as session:
        assert session.message(f"hi {mark}").content.endswith(f"hi {mark}")
        assert "".join(chunk.content for chunk in session.message_stream("poem")).endswith("poem")
        raises(NotFoundError, session.approve_message, "msg_pending_01ARZ3NDEKTSV4RRFFQ69G5FAV")
        raises(BadRequestError, session.message, " ")
        session.ping()


def channels(client, mark) -> None:
    assert [channel.type for channel in client.list_channels().channels] == ["webhook"]
    assert client.channel_status("webhook").outbox.failed == 0
    raises(NotFoundError, client.channel_status, "telegram")
    pairing = client.pair_channel("webhook")
    assert pairing.code and pairing.expires_at > datetime.now(timezone.utc)
    assert client.list_paired("webhook").users == []
    raises(NotFoundError, client.unpair_user, "webhook", "nobody")

    message = {"id": f"m-{mark}", "chat": "c", "user": {"id": "u1"}, "text": "hello"}
    body = json.dumps(message).encode()
    id, now = f"post-{mark}", str(int(time.time()))
    secret = b"a secret of enough characters"
    signature = hmac.new(secret, b".".join([id.encode(), now.encode(), body]), "sha256").digest()
    signed = "v1," + base64.b64encode(signature).decode()
    headers = {"webhook-id": id, "webhook-timestamp": now, "webhook-signature": signed}
    assert client.channel_webhook("webhook", body, headers) == {"accepted": True}
    raises(openclaw.UnauthorizedError, client.channel_webhook, "webhook", body + b" ", headers)


def type_of(client) -> typing.Any:
    if isinstance(client._client, OpenClawClient):
        return OpenClawClient
    return lambda *args: Blocking(AsyncOpenClawClient(*args), loop)


loop = asyncio.new_event_loop()
address = (os.environ["GATEWAY_URL"], os.environ["GATEWAY_AUTH_TOKEN"])
for mark, client in (
    ("sync", OpenClawClient(*address)),
    ("async", Blocking(AsyncOpenClawClient(*address), loop)),
):
    USED.clear()
    for part in (messages, conversations, memory, channels, the_rest):
        part(Noted(client), mark)
    client.close()
    unused = {name for name in vars(OpenClawClient) if not name.startswith("_")} - USED - {"close"}
    assert not unused, unused
loop.close()
print("ok")
