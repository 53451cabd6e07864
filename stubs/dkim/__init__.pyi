from collections.abc import Callable, Sequence

from dkim.canonicalization import CanonicalizationPolicy

class DKIM:
    hasher: Callable[..., object]
    headers: Sequence[tuple[bytes, bytes] | list[bytes]]
    body: bytes
    def __init__(self, message: bytes, *, signature_algorithm: bytes = ...) -> None: ...
    def gen_header(
        self,
        fields: list[tuple[bytes, bytes]],
        include_headers: Sequence[bytes],
        canon_policy: CanonicalizationPolicy,
        header_name: bytes,
        pk: object,
    ) -> bytes: ...
    def verify(self, idx: int = 0, dnsfunc: Callable[..., bytes | None] = ...) -> bool: ...

def sign(
    message: bytes,
    selector: bytes,
    domain: bytes,
    privkey: bytes,
    identity: bytes | None = None,
    canonicalize: tuple[bytes, bytes] = ...,
    signature_algorithm: bytes = ...,
    include_headers: Sequence[bytes] | None = None,
    length: bool = False,
) -> bytes: ...
def arc_verify(
    message: bytes, dnsfunc: Callable[..., bytes | None] = ...
) -> tuple[bytes | None, list[dict[str, object]], str]: ...

class DKIMException(Exception): ...
class ValidationError(DKIMException): ...
