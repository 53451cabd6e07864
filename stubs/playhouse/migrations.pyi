from typing import Any, NamedTuple

class Migration(NamedTuple):
    idx: int
    name: str
    path: str | None
    applied: Any

class Runner:
    def __init__(
        self, database: Any, directory: str = ..., table_name: str = ..., schema: str | None = ...
    ) -> None: ...
    def status(self) -> list[Migration]: ...
    def up(self, target: str | None = ..., fake: bool = ...) -> list[str]: ...
