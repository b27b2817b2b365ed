"""Nothing of the API is missing."""

import inspect
import re
from pathlib import Path
from unittest import TestCase, skipUnless

from openclaw import AsyncOpenClawClient, OpenClawClient

DOCUMENT = Path(__file__).parents[3] / "docs" / "openapi.yaml"
OTHER_NAMES = {"send_message": "message", "message_stream": "follow_message", "web_socket": "session"}


def snake(name: str) -> str:
    return re.sub("([A-Z])", r"_\1", name).lower()


def public(kind: type) -> dict:
    methods = inspect.getmembers(kind, inspect.isfunction)
    return {{"aclose": "close"}.get(name, name): method for name, method in methods if not name.startswith("_")}


class Operations(TestCase):
    @skipUnless(DOCUMENT.is_file(), "this is not the repository")
    def test_every_operation_has_a_method(self) -> None:
        names = [snake(name) for name in re.findall(r"^ +operationId: (\w+)$", DOCUMENT.read_text("utf-8"), re.M)]
        self.assertGreater(len(names), 30)
        for client in (OpenClawClient, AsyncOpenClawClient):
            missing = {OTHER_NAMES.get(name, name) for name in names} - public(client).keys()
            self.assertEqual(missing, set(), client)

    def test_both_clients_have_the_same_methods(self) -> None:
        one, other = public(OpenClawClient), public(AsyncOpenClawClient)
        self.assertEqual(one.keys(), other.keys())
        for name, method in one.items():
            parameters = inspect.signature(method).parameters
            self.assertEqual(list(parameters), list(inspect.signature(other[name]).parameters), name)
            self.assertTrue(method.__doc__, name)

    def test_help_shows_parameters_and_answers(self) -> None:
        shown = str(inspect.signature(OpenClawClient.get_conversation))
        self.assertIn("(self, id: 'str', *, limit:", shown)
        self.assertTrue(shown.endswith("-> 'Conversation'"), shown)
