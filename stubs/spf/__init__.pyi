class TempError(Exception):
    msg: str
    def __init__(self, msg: str) -> None: ...

class PermError(Exception):
    msg: str
    def __init__(self, msg: str) -> None: ...

MAX_VOID_LOOKUPS: int

class query:
    mechanism: str | None
    prob: str
    void_lookups: int
    def __init__(self, i: str, s: str, h: str, strict: bool = True, querytime: int = 0) -> None: ...
    def check(self) -> tuple[str, int, str]: ...
    def dns(
        self, name: str, qtype: str, cnames: dict[str, str] | None = None, ignore_void: bool = False
    ) -> list[object]: ...
    def get_explanation(self, spec: str) -> str | None: ...
