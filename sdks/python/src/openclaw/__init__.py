"""Talk to your OpenClaw Gateway.

>>> from openclaw import OpenClawClient
>>> client = OpenClawClient(base_url="http://127.0.0.1:18789", token="…")
>>> print(client.message("What is the capital of France?").content)  # doctest: +SKIP
"""

from ._async import AsyncMessageStream, AsyncOpenClawClient
from ._attach import attach_file
from ._calls import ExportPage, MessageOptions, StreamOptions
from ._codec import to_json_line
from ._errors import (
    AnswerTimeoutError,
    BadRequestError,
    ClientTimeoutError,
    ConflictError,
    ForbiddenError,
    GatewayUnreachableError,
    InternalError,
    MethodNotAllowedError,
    NotFoundError,
    OpenClawError,
    PayloadTooLargeError,
    RateLimitedError,
    ServiceUnavailableError,
    UnauthorizedError,
    UnexpectedAnswerError,
    UnsupportedMediaTypeError,
)
from ._retry import RetryPolicy
from ._stream import Chunk
from ._sync import MessageStream, OpenClawClient
from ._version import __version__

__all__ = [
    "AnswerTimeoutError",
    "AsyncMessageStream",
    "AsyncOpenClawClient",
    "BadRequestError",
    "Chunk",
    "ClientTimeoutError",
    "ConflictError",
    "ExportPage",
    "ForbiddenError",
    "GatewayUnreachableError",
    "InternalError",
    "MessageOptions",
    "MessageStream",
    "MethodNotAllowedError",
    "NotFoundError",
    "OpenClawClient",
    "OpenClawError",
    "PayloadTooLargeError",
    "RateLimitedError",
    "RetryPolicy",
    "ServiceUnavailableError",
    "StreamOptions",
    "UnauthorizedError",
    "UnexpectedAnswerError",
    "UnsupportedMediaTypeError",
    "__version__",
    "attach_file",
    "to_json_line",
]
