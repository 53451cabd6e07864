from collections.abc import Sequence
from typing import Any, NamedTuple

from peewee import Model

class SchemaDiff(NamedTuple):
    create_tables: list[type[Model]]
    add_columns: list[Any]
    drop_columns: list[tuple[str, str]]
    add_indexes: list[Any]
    drop_indexes: list[Any]

def diff_models(database: Any, models: Sequence[type[Model]]) -> SchemaDiff: ...
