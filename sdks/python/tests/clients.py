"""Each test of a client's behaviour runs on both clients: the asynchronous one is made to look like the other."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any, Iterator, List, Type
from unittest import TestCase

from openclaw import AsyncOpenClawClient, OpenClawClient, RetryPolicy

AT_ONCE = RetryPolicy(first_delay=0.0)
"""Tries again without a pause, so that no test sleeps."""


class Blocking:
    """Something asynchronous, used from outside its event loop."""

    def __init__(self, target: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._target = target
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, {"close": "aclose"}.get(name, name))
        return (lambda *args, **kwargs: self._wait(found(*args, **kwargs))) if callable(found) else found

    def _wait(self, result: Any) -> Any:
        if inspect.isawaitable(result):
            return self._loop.run_until_complete(result)
        return Blocking(result, self._loop) if hasattr(result, "__anext__") or hasattr(result, "__aenter__") else result

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return self._loop.run_until_complete(self._target.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None

    def __enter__(self) -> Any:
        self._loop.run_until_complete(self._target.__aenter__())
        return self

    def __exit__(self, *about: Any) -> None:
        self._loop.run_until_complete(self._target.__aexit__(*about))


class SyncCase(TestCase):
    """Tests on the synchronous client."""

    def client(self, url: str, **options: Any) -> Any:
        client = OpenClawClient(url, "secret", **{"retry": AT_ONCE, **options})
        self.addCleanup(client.close)
        return client


class AsyncCase(TestCase):
    """Tests on the asynchronous client."""

    def setUp(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.addCleanup(self.close_loop)

    def close_loop(self) -> None:
        # What httpx leaves to the loop when an answer is not read to its end; `asyncio.run` does the same.
        for _ in range(10):
            self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def client(self, url: str, **options: Any) -> Any:
        client = Blocking(AsyncOpenClawClient(url, "secret", **{"retry": AT_ONCE, **options}), self.loop)
        self.addCleanup(client.close)
        return client


def on_both(cases: Type[Any]) -> List[Type[TestCase]]:
    """The two test cases that a class of tests becomes."""
    return [
        type(f"{cases.__name__}Sync", (cases, SyncCase), {"__module__": cases.__module__}),
        type(f"{cases.__name__}Async", (cases, AsyncCase), {"__module__": cases.__module__}),
    ]
