"""Files to send along with a message."""

from __future__ import annotations

import base64
import mimetypes
import os
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Union

if TYPE_CHECKING:
    from ._types import MetadataAttachment


def attach_file(path: Union[str, os.PathLike[str]], mime_type: Optional[str] = None) -> MetadataAttachment:
    """A file as an attachment, for ``metadata={"attachments": [attach_file("photo.jpg")]}``."""
    path = Path(path)
    kind = mime_type or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return {"name": path.name, "mime_type": kind, "data": base64.b64encode(path.read_bytes()).decode("ascii")}
