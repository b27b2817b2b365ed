"""Requests as data: what is sent, whether it may be sent twice, and what its answer means."""

from __future__ import annotations

import functools
import inspect
import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Callable, Generic, Mapping, Optional, Type, TypeVar, Union, cast
from urllib.parse import quote

from ._codec import decode, decode_json, encode, format_time

T = TypeVar("T")
Time = Union[datetime, str]
"""A point in time: a ``datetime``, or a text such as ``"2026-03-20T10:00:00Z"``."""


@dataclass(frozen=True)
class Request:
    """An HTTP request below ``/api/v1``."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    repeatable: bool = False
    """Whether sending it twice does no more than sending it once."""
    timeout: Optional[float] = None
    """Seconds it may take as a whole, where the client's own are not enough."""

    @property
    def name(self) -> str:
        """What errors call it."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Response:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request and how to read its answer."""

    request: Request
    read: Callable[[Response], T]
    also_good: int = 0
    """A status above 399 that ``read`` takes, too."""


def get(path: str, kind: Type[T], query: Optional[Mapping[str, Any]] = None) -> Call[T]:
    """A ``GET``, which may always be repeated."""
    return call("GET", path, kind, query=query, repeatable=True)


def call(
    method: str,
    path: str,
    kind: Type[T],
    *,
    query: Optional[Mapping[str, Any]] = None,
    body: Optional[Mapping[str, Any]] = None,
    repeatable: bool = False,
    timeout: Optional[float] = None,
) -> Call[T]:
    """A request with a JSON body, or none, that is answered by JSON."""
    headers = {} if body is None else {"Content-Type": "application/json"}
    request = Request(method, path, _query(query or {}), headers, to_json(body), repeatable, timeout)
    return Call(request, json_reader(request, kind))


def json_reader(request: Request, kind: Type[T]) -> Callable[[Response], T]:
    """Reads an answer's body as a ``kind``."""
    where = f"the answer to {request.name}"
    return lambda response: decode(kind, decode_json(response.body, where), where)


def to_json(body: Optional[Mapping[str, Any]]) -> bytes:
    """A request's body, without the fields that were not given."""
    if body is None:
        return b""
    return json.dumps(given(body), ensure_ascii=False).encode()


def given(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields that are not ``None``, as JSON."""
    return {name: encode(value) for name, value in fields.items() if value is not None}


def segment(value: str) -> str:
    """``value`` as one part of a path."""
    if not value.strip("."):
        raise ValueError(f"{value!r} can't be an id")
    return quote(value, safe="")


def new_key() -> str:
    """A fresh idempotency key."""
    return uuid.uuid4().hex


def shown_as(method: T, build: Callable[..., Any]) -> T:
    """``method`` as :func:`help` shows it: with the parameters of ``build``, and with what its call is answered by."""
    built = inspect.signature(build)
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    answer = str(built.return_annotation)[len("Call[") : -1]
    shown = built.replace(parameters=[own, *built.parameters.values()], return_annotation=answer)
    functools.update_wrapper(cast(Any, method), build)
    setattr(method, "__signature__", shown)
    return method


def _query(parameters: Mapping[str, Any]) -> Mapping[str, str]:
    return {name: _parameter(value) for name, value in parameters.items() if value is not None}


def _parameter(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return format_time(value) if isinstance(value, datetime) else str(value)
