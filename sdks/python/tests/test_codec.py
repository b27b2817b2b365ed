from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List, Optional
from unittest import TestCase

from openclaw import UnexpectedAnswerError
from openclaw._codec import decode, decode_json, encode, format_time, parse_time
from openclaw.types import ChannelItem, ConversationItem, ExchangeMessage, MessageResponse, MetadataItem

from .server import reply

CONVERSATION = {
    "id": "conv_1",
    "channel": "api",
    "created_at": "2026-03-20T10:00:00Z",
    "last_message_at": "2026-03-20T10:00:00.25Z",
    "message_count": 2,
    "summary": "",
}


class Decoding(TestCase):
    def test_reads_objects_within_objects(self) -> None:
        answer = decode(MessageResponse, reply("hi"), "x")
        self.assertEqual((answer.content, answer.tokens.total, answer.skills_used), ("hi", 3, []))

    def test_keeps_what_a_newer_gateway_says(self) -> None:
        answer = decode(MessageResponse, {**reply(), "mood": "good", "role": "oracle"}, "x")
        self.assertEqual((answer.extra, answer.role), ({"mood": "good"}, "oracle"))

    def test_what_may_be_missing_may_be_missing(self) -> None:
        channel = decode(ChannelItem, {"type": "slack", "status": "disconnected"}, "x")
        self.assertEqual((channel.connected_since, channel.last_error), (None, None))
        self.assertEqual(decode(MetadataItem, {}, "x").attachments, [])

    def test_says_what_is_wrong_and_where(self) -> None:
        for change, said in [
            ({"content": 3}, "x.content should be a text, not int"),
            ({"latency_ms": "4"}, "x.latency_ms should be a number, not str"),
            ({"latency_ms": True}, "x.latency_ms should be a number, not bool"),
            ({"tokens": []}, "x.tokens should be an object, not list"),
            ({"skills_used": [1]}, "x.skills_used[0] should be a text, not int"),
        ]:
            with self.assertRaises(UnexpectedAnswerError) as raised:
                decode(MessageResponse, {**reply(), **change}, "x")
            self.assertEqual(str(raised.exception), said)
        with self.assertRaisesRegex(UnexpectedAnswerError, "x has no `id`"):
            decode(MessageResponse, {}, "x")
        with self.assertRaisesRegex(UnexpectedAnswerError, "x is no JSON: '<html>'"):
            decode_json(b"<html>", "x")

    def test_times(self) -> None:
        conversation = decode(ConversationItem, CONVERSATION, "x")
        self.assertEqual(conversation.created_at, datetime(2026, 3, 20, 10, tzinfo=timezone.utc))
        self.assertEqual(conversation.last_message_at.microsecond, 250_000)
        self.assertEqual(parse_time("2026-03-20t12:00:00.123456789+02:00").utcoffset(), timedelta(hours=2))
        self.assertEqual(format_time(conversation.last_message_at), "2026-03-20T10:00:00.250Z")
        with self.assertRaisesRegex(UnexpectedAnswerError, "x.created_at is no time: 'soon'"):
            decode(ConversationItem, {**CONVERSATION, "created_at": "soon"}, "x")

    def test_other_shapes(self) -> None:
        self.assertEqual(decode(Dict[str, Any], {"a": None}, "x"), {"a": None})
        self.assertEqual(decode(List[Optional[float]], [1, None], "x"), [1.0, None])


class Encoding(TestCase):
    def test_what_was_read_is_written_as_it_was(self) -> None:
        line = {
            "conversation_id": "c",
            "channel": "api",
            "role": "user",
            "content": "hi",
            "timestamp": "2026-03-20T10:00:00.000Z",
            "note": {"kept": [True]},
        }
        self.assertEqual(encode(decode(ExchangeMessage, line, "x")), line)
