"""What can go wrong, as exceptions that carry what a program needs to decide what to do."""

from __future__ import annotations

import json
from typing import Any, Dict, Mapping, Optional, Type


class OpenClawError(Exception):
    """The base of everything this package raises on purpose."""

    message: str
    """What happened, for people."""
    status: Optional[int]
    """The HTTP status; ``None`` when there was no answer."""
    code: Optional[str]
    """The gateway's name for it, such as ``"rate_limited"``."""
    details: Dict[str, Any]
    """What more the gateway said."""
    request_id: Optional[str]
    """Finds the request in the gateway's log."""
    retryable: bool
    """Whether the same request may go well a little later."""
    retry_after: Optional[float]
    """Seconds that the gateway asked to wait for."""

    def __init__(
        self,
        message: str,
        *,
        status: Optional[int] = None,
        code: Optional[str] = None,
        details: Optional[Mapping[str, Any]] = None,
        request_id: Optional[str] = None,
        retryable: bool = False,
        retry_after: Optional[float] = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.details = dict(details or {})
        self.request_id = request_id
        self.retryable = retryable
        self.retry_after = retry_after

    def __str__(self) -> str:
        facts = [str(fact) for fact in (self.status, self.code) if fact is not None]
        if self.request_id:
            facts.append(f"request {self.request_id}")
        return f"{self.message} [{', '.join(facts)}]" if facts else self.message

    @property
    def run_id(self) -> Optional[str]:
        """The run that the error is about, for :meth:`wait`, :meth:`follow_message` and :meth:`cancel_message`."""
        return _text(self.details.get("id"))

    @property
    def conversation_id(self) -> Optional[str]:
        """The conversation that the error is about."""
        return _text(self.details.get("conversation_id"))


class GatewayUnreachableError(OpenClawError, ConnectionError):
    """No answer: nobody listens there, or the connection broke."""

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message, retryable=True)
        self.sent = sent
        """Whether the request may have reached the gateway."""


class ClientTimeoutError(GatewayUnreachableError, TimeoutError):
    """No answer within the time that this program gave it."""


class UnexpectedAnswerError(OpenClawError):
    """An answer that is not what the API says. Is this the gateway's address?"""


class BadRequestError(OpenClawError):
    """400: the request is not what the API asks for."""

    @property
    def field(self) -> Optional[str]:
        """Which field is wrong."""
        return _text(self.details.get("field"))

    @property
    def reason(self) -> Optional[str]:
        """What is wrong with it."""
        return _text(self.details.get("reason"))


class UnauthorizedError(OpenClawError):
    """401: no valid token."""


class ForbiddenError(OpenClawError):
    """403: known, but not allowed."""


class NotFoundError(OpenClawError):
    """404: no such thing."""


class MethodNotAllowedError(OpenClawError):
    """405: the path does not take this method."""


class AnswerTimeoutError(OpenClawError, TimeoutError):
    """408: the answer took longer than ``timeout_ms``. The run goes on: give :attr:`run_id` to :meth:`wait`."""


class ConflictError(OpenClawError):
    """409: not in the state that the request needs; also a run that somebody cancelled."""


class PayloadTooLargeError(OpenClawError):
    """413: the body is over its bound."""


class UnsupportedMediaTypeError(OpenClawError):
    """415: not a media type this path reads."""


class RateLimitedError(OpenClawError):
    """429: too many requests; :attr:`retry_after` says when to come back."""


class InternalError(OpenClawError):
    """500: a fault of the gateway; :attr:`request_id` finds the line in its log."""


class ServiceUnavailableError(OpenClawError):
    """503: something the gateway needs does not answer."""


_BY_CODE: Dict[str, Type[OpenClawError]] = {
    "bad_request": BadRequestError,
    "unauthorized": UnauthorizedError,
    "forbidden": ForbiddenError,
    "not_found": NotFoundError,
    "method_not_allowed": MethodNotAllowedError,
    "timeout": AnswerTimeoutError,
    "conflict": ConflictError,
    "payload_too_large": PayloadTooLargeError,
    "unsupported_media_type": UnsupportedMediaTypeError,
    "rate_limited": RateLimitedError,
    "internal_error": InternalError,
    "service_unavailable": ServiceUnavailableError,
}
_BY_STATUS: Dict[int, Type[OpenClawError]] = {
    400: BadRequestError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    405: MethodNotAllowedError,
    # A proxy's 408 says nothing about a run, but it is about time all the same.
    408: AnswerTimeoutError,
    409: ConflictError,
    413: PayloadTooLargeError,
    415: UnsupportedMediaTypeError,
    429: RateLimitedError,
    500: InternalError,
    503: ServiceUnavailableError,
}
# 502 and 504 are said by proxies while the gateway restarts.
_RETRYABLE = {429, 502, 503, 504}


def from_body(
    body: Mapping[str, Any],
    *,
    request_id: Optional[str] = None,
    retry_after: Optional[float] = None,
    status: Optional[int] = None,
) -> OpenClawError:
    """The error that a body of the form ``{error, message, status, details}`` tells of."""
    details = body.get("details")
    details = details if isinstance(details, dict) else {}
    code = _text(body.get("error"))
    told = body.get("status")
    if status is None and isinstance(told, int):
        status = told
    kind = _BY_CODE.get(code or "") or _BY_STATUS.get(status or 0) or OpenClawError
    # A run that failed stays failed; one that a shutdown interrupted goes on, and says where to ask.
    run_has_failed = status == 503 and "id" in details and "poll_url" not in details
    return kind(
        _text(body.get("message")) or f"The gateway answered {status}",
        status=status,
        code=code,
        details=details,
        request_id=request_id or _text(details.get("request_id")),
        retryable=status in _RETRYABLE and not run_has_failed,
        retry_after=retry_after,
    )


def from_answer(status: int, headers: Mapping[str, str], body: bytes) -> OpenClawError:
    """The error that an answer with a status of 400 or above is."""
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    return from_body(
        parsed if isinstance(parsed, dict) else {},
        request_id=headers.get("x-request-id"),
        retry_after=_seconds(headers.get("retry-after")),
        status=status,
    )


def _seconds(text: Optional[str]) -> Optional[float]:
    # The gateway sends whole seconds. The date that others may send is left to the usual delays.
    return float(text) if text is not None and text.isascii() and text.isdigit() else None


def _text(value: Any) -> Optional[str]:
    return value if isinstance(value, str) else None
