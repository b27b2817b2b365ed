"""The types of what the gateway says, made from its OpenAPI document."""

from ._types import *
from ._types import __all__ as __all__
