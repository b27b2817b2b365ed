"""What the two drivers share: requests and failures in the words of httpx."""

from __future__ import annotations

from typing import Any, Dict

import httpx

from ._errors import ClientTimeoutError, GatewayUnreachableError
from ._flow import Open

# Nothing has left yet when one of these is raised.
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def arguments(effect: Open) -> Dict[str, Any]:
    """Arguments of ``build_request``."""
    request = effect.request
    return {
        "method": request.method,
        # httpx joins this to the base address as it is.
        "url": request.path,
        "params": request.query or None,
        "headers": request.headers,
        "content": request.body or None,
        "timeout": httpx.Timeout(effect.connect_timeout, read=effect.read_timeout),
    }


def failure(error: httpx.RequestError, effect: Open) -> GatewayUnreachableError:
    """What an exception of httpx means."""
    sent = not isinstance(error, _UNSENT)
    if isinstance(error, httpx.TimeoutException):
        return ClientTimeoutError(f"{effect.request.name} was not answered in time", sent=sent)
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectError):
        return GatewayUnreachableError(f"The gateway can't be reached: {reason}. Is it running?", sent=sent)
    return GatewayUnreachableError(f"The connection broke during {effect.request.name}: {reason}", sent=sent)
