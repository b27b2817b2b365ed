"""What a client is made with."""

from __future__ import annotations

import ipaddress
import platform
from typing import Any, Dict, Optional

import httpx

from ._version import __version__

API = "/api/v1"


def base(url: str) -> httpx.URL:
    """The address below which the API is. One that ends with ``/api/v1`` already may be given, too."""
    parsed = httpx.URL(url)
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError(f"{url!r} is no address of a gateway; one looks like http://127.0.0.1:18789")
    path = parsed.path.rstrip("/")
    return parsed.copy_with(path=path if path.endswith(API) else path + API)


def web_socket(url: httpx.URL) -> str:
    """Where the WebSocket is."""
    return str(url.copy_with(scheme={"http": "ws", "https": "wss"}[url.scheme], path=f"{url.path}/ws"))


def http_options(url: httpx.URL, token: Optional[str], transport: Any) -> Dict[str, Any]:
    """Arguments of ``httpx.Client`` and ``httpx.AsyncClient``."""
    headers = {"User-Agent": f"openclaw-python/{__version__} Python/{platform.python_version()}"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return {
        "base_url": url,
        "headers": headers,
        "transport": transport,
        # A proxy of the environment could not reach this machine's own gateway, and must not be shown the token.
        "trust_env": not is_loopback(url),
        # A redirect is no part of the API, and could lead the token elsewhere.
        "follow_redirects": False,
    }


def is_loopback(url: httpx.URL) -> bool:
    """Whether the gateway is on this machine, as far as its address tells."""
    try:
        return ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return url.host == "localhost"
