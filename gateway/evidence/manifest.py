"""What maker and checker of evidence agree upon: names, and the one spelling of a value."""

import json
from collections.abc import Mapping
from typing import Any

FORMAT = "casegate-evidence/1"
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"  # the last two files of an archive


def spelled(value: Mapping[str, Any]) -> bytes:
    """A value as JSON in UTF-8: names in order, no blanks. Raises ValueError for what UTF-8 cannot say."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
