"""When to try again, and after how long."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import Callable, Optional

from ._errors import GatewayUnreachableError, OpenClawError, RateLimitedError


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently a failed request is tried again.

    The delay doubles each time and is made up to a half shorter at random, so that many clients do not come back at once.
    """

    max_retries: int = 4
    """Attempts after the first; 0 turns retries off. A stream counts anew whenever it got on."""
    first_delay: float = 0.5
    """Seconds before the second attempt."""
    max_delay: float = 8.0
    """Most seconds between two attempts, where the gateway does not say how long to wait."""
    max_retry_after: float = 60.0
    """Most seconds that a ``Retry-After`` is waited for; a longer one is raised as the error it came with."""

    def delay(self, error: OpenClawError, failures: int, repeatable: bool, dice: float) -> Optional[float]:
        """Seconds to wait after the ``failures``-th failure in a row; ``None``: give up. ``dice`` is in [0, 1)."""
        if failures > self.max_retries or not error.retryable:
            return None
        if not repeatable and _may_have_acted(error):
            return None
        usual = min(self.max_delay, self.first_delay * 2.0 ** (failures - 1)) * (1 - dice / 2)
        if error.retry_after is None:
            return usual
        if error.retry_after > self.max_retry_after:
            return None
        return error.retry_after + self.first_delay * dice


@dataclass(frozen=True)
class Settings:
    """How a client behaves."""

    timeout: float = 30.0
    """Seconds that a request may take as a whole."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    clock: Callable[[], float] = time.monotonic
    dice: Callable[[], float] = random.random


def _may_have_acted(error: OpenClawError) -> bool:
    """Whether the gateway may have done what was asked before this went wrong."""
    if isinstance(error, GatewayUnreachableError):
        return error.sent
    # What is refused before it is begun says when to come back.
    return not isinstance(error, RateLimitedError) and error.retry_after is None
