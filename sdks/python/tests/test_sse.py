from unittest import TestCase

from openclaw._sse import SseEvent, SseParser


def parse(*pieces: bytes) -> list:
    parser = SseParser()
    return [event for piece in pieces for event in parser.feed(piece)]


class Parser(TestCase):
    def test_reads_events_with_and_without_ids(self) -> None:
        events = parse(b"id: 0-1\ndata: a\n\n: ping\n\ndata:b\ndata: c\n\n")
        self.assertEqual(events, [SseEvent("a", "0-1"), SseEvent("b\nc", None)])

    def test_takes_pieces_of_any_size(self) -> None:
        stream = "\ufeffid: 0-1\r\ndata: 春風\r\n\r\nid: 0-2\rdata: 拂\r\rdata: 面\n\n".encode()
        whole = parse(stream)
        self.assertEqual([event.data for event in whole], ["春風", "拂", "面"])
        for size in range(1, len(stream)):
            pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
            self.assertEqual(parse(*pieces), whole, size)

    def test_what_is_not_ended_is_no_event(self) -> None:
        self.assertEqual(parse(b"id: 1\ndata: half"), [])
        self.assertEqual(parse(b"id: 1\ndata: half\n"), [])

    def test_ignores_what_it_does_not_know(self) -> None:
        self.assertEqual(parse(b"event: x\nretry: 5\nid: a\0b\nnonsense\ndata\n\n"), [SseEvent("", None)])

    def test_a_long_line_in_many_pieces_takes_no_longer(self) -> None:
        piece = b"x" * 1000
        events = parse(b"data: ", *[piece] * 10_000, b"\n\n")
        self.assertEqual(len(events[0].data), 10_000_000)
