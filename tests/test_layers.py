"""Imports point left only, and each third-party package has one home (DESIGN §5). Read from the source, not run."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# From left to right; a name stands for a module or for a package with everything in it. A module imports from layers
# to the left of its own, and within its own package. Modules of one layer know nothing of each other.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("gateway", "gateway.inbound", "gateway.outbound", "templates"),  # nothing but a docstring
    ("gateway.errors", "gateway.sentences", "gateway.outbound.target", "gateway.outbound.paths"),
    ("gateway.locales",),
    (
        "gateway.signing",
        "gateway.config",
        "gateway.rendering",
        "gateway.cases",
        "gateway.logs",
        "gateway.heavy",
        "gateway.scanner",
    ),
    ("gateway.mail", "store", "gateway.shapes", "gateway.outbound.mime", "gateway.outbound.wire"),
    ("gateway.outbound.answers",),
    ("gateway.outbound.sign_in",),
    ("gateway.outbound.connect",),
    ("gateway.outbound.handover",),
    ("gateway.outbound.relay",),
    ("gateway.overrides",),
    (
        "gateway.outbound.sign",
        "gateway.outbound.links",
        "gateway.outbound.names",
        "gateway.outbound.threads",
        "gateway.dns",
    ),
    ("gateway.outbound.telling", "gateway.evidence"),
    ("gateway.outbound.compose", "gateway.keys"),
    ("gateway.erasing", "gateway.exporting"),
    ("gateway.courier", "gateway.staff"),
    ("gateway.opening",),
    ("gateway.changes",),
    (
        "gateway.desk",
        "gateway.revoking",
        "gateway.closing",
        "gateway.support",
        "gateway.reviews",
        "gateway.alerts",
        "gateway.canary",
    ),
    ("gateway.watch", "gateway.clocks"),
    (  # the way in, in the order of its stages
        "gateway.inbound.admit",
        "gateway.inbound.limits",
        "gateway.inbound.occupancy",
        "gateway.inbound.proxy",
        "gateway.inbound.replies",
    ),
    (
        "gateway.inbound.authenticate",
        "gateway.inbound.data",
        "gateway.inbound.keep",
        "gateway.inbound.read",
        "gateway.inbound.recognise",
    ),
    ("gateway.inbound.reports",),
    ("gateway.inbound.understand", "gateway.deliveries"),
    ("gateway.inbound.answer",),
    ("gateway.inbound.connection",),
    ("gateway.inbound.session",),
    ("gateway.inbound.lmtp",),
    ("gateway.outbound.routes",),
    ("gateway.inbound.process", "gateway.inbound.server", "gateway.outbound.dispatch", "gateway.web"),
    ("gateway.inbound.release", "gateway.inbound.explain"),
    ("tasks",),
    ("gateway.backups",),
    ("gateway.app",),
    ("gateway.serving",),
    ("gateway.demo",),
    ("gateway.cli",),
    ("gateway.__main__",),
)

# `store` keeps the words of the law and answers with the errors; it knows nothing else of the gateway.
STORE_MAY_KNOW = ("gateway.cases", "gateway.errors")

# Third-party packages, and the only places that may import them.
HOMES: dict[str, tuple[str, ...]] = {
    # the way in
    "aiosmtpd": ("gateway.inbound.connection",),
    "filetype": ("gateway.mail.file_types",),
    "mailparser": ("gateway.mail.parse",),
    "nh3": ("gateway.mail.html", "gateway.mail.styled"),
    "publicsuffixlist": ("gateway.mail.authentication",),
    "selectolax": ("gateway.mail.html",),
    "spf": ("gateway.mail.authentication",),
    "dns": ("gateway.dns",),
    # the way out
    "aiosmtplib": ("gateway.outbound.wire",),
    "cryptography": (
        "gateway.outbound.sign",
        "gateway.mail.authentication",
        "gateway.cli.relay",
        "gateway.evidence.seal",
        "gateway.backups.lockbox",
    ),
    "babel": ("gateway.locales",),
    "css_inline": ("gateway.rendering",),
    "jinja2": ("gateway.rendering", "gateway.overrides"),
    "markupsafe": ("gateway.rendering",),
    # rows and work
    "peewee": ("store",),
    "playhouse": ("store",),
    "huey": ("tasks",),
    # doors for programs
    "anyio": ("gateway.web",),
    "fastapi": ("gateway.web",),
    "starlette": ("gateway.web",),
    "prometheus_client": ("gateway.web.metrics",),
    "uvicorn": ("gateway.serving",),
    # running it
    "pydantic": ("gateway.config", "gateway.shapes", "gateway.web", "gateway.cli"),
    "pydantic_settings": ("gateway.config",),
    "typer": ("gateway.cli", "gateway.__main__"),
    "uvloop": ("gateway.app", "gateway.serving", "gateway.demo"),
    "structlog": ("gateway", "store", "tasks"),  # everybody may tell what he does, but for the pure packages below
}

# Values and decisions: no I/O, no clock, no randomness, nothing to be seen from outside. Data is handed in.
PURE = ("gateway.errors", "gateway.signing", "gateway.cases", "gateway.mail")
IMPURE = {  # `mimetypes` among them: it reads the lists of types of the machine it runs on
    "asyncio", "ctypes", "ftplib", "getpass", "glob", "http", "imaplib", "io", "logging", "mimetypes",
    "multiprocessing", "os", "pathlib", "platform", "poplib", "queue", "random", "secrets", "select", "shutil",
    "signal", "smtplib", "socket", "sqlite3", "ssl", "structlog", "subprocess", "sys", "tempfile", "threading", "time",
    "urllib.request", "uuid",
}  # fmt: skip
IMPURE_CALLS = {"open", "input", "print", "now", "utcnow", "today", "make_msgid", "localtime"}

# What still breaks these rules, to be mended: a line that is no longer true fails as well.
OFFENCES: dict[str, list[str]] = {}


@dataclass(frozen=True)
class Module:
    """A module of ours and its syntax."""

    name: str
    tree: ast.Module

    def imports(self) -> Iterator[str]:
        """Dotted names of all that is imported anywhere in it; `from a import b` is `a.b` when that is a module."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.name}: imports are absolute"
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    yield full if full in NAMES else str(node.module)

    def calls(self) -> Iterator[str]:
        """The last part of the name of whatever is called in it."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                if isinstance(node.func, ast.Name):
                    yield node.func.id
                elif isinstance(node.func, ast.Attribute):
                    yield node.func.attr


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {
    _dotted(path): path
    for package in ("gateway", "store", "tasks", "templates")
    for path in sorted((ROOT / package).rglob("*.py"))
}
NAMES = frozenset(FILES)
MODULES = tuple(Module(name, ast.parse(path.read_text(encoding="utf-8"))) for name, path in FILES.items())
every_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)


def within(name: str, places: tuple[str, ...]) -> bool:
    """Whether a module is one of these or inside one of them."""
    return any(name == place or name.startswith(f"{place}.") for place in places)


def place_of(name: str) -> tuple[int, str]:
    """The number of the layer, and the longest entry in it that the module belongs to."""
    found = [
        (len(entry), number, entry)
        for number, layer in enumerate(LAYERS)
        for entry in layer
        if name == entry or (number > 0 and name.startswith(f"{entry}."))
    ]
    assert found, f"{name} stands in no layer: give it its place in LAYERS"
    _, number, entry = max(found)
    return number, entry


def ours(module: Module) -> list[str]:
    return [name for name in module.imports() if name.partition(".")[0] in {"gateway", "store", "tasks", "templates"}]


@every_module
def test_every_module_has_a_layer(module: Module) -> None:
    place_of(module.name)


def test_every_entry_of_the_table_exists() -> None:
    entries = [entry for layer in LAYERS for entry in layer]
    assert len(entries) == len(set(entries))
    assert [entry for entry in entries if entry not in NAMES] == []


@every_module
def test_imports_point_left(module: Module) -> None:
    layer, entry = place_of(module.name)
    wrong = []
    for imported in ours(module):
        other_layer, other_entry = place_of(imported)
        if other_entry != entry and other_layer >= layer:
            wrong.append(imported)
    assert not wrong, f"{module.name} must not know {', '.join(wrong)}"


@pytest.mark.parametrize("module", [m for m in MODULES if within(m.name, ("store",))], ids=lambda module: module.name)
def test_the_store_knows_the_law_and_the_errors_only(module: Module) -> None:
    assert [name for name in ours(module) if not within(name, ("store", *STORE_MAY_KNOW))] == []


@every_module
def test_each_third_party_package_has_its_home(module: Module) -> None:
    wrong = []
    for imported in module.imports():
        package = imported.partition(".")[0]
        if package in {"gateway", "store", "tasks", "templates"} or package in sys.stdlib_module_names:
            continue
        assert package in HOMES, f"{module.name} imports {package}, which has no home: give it one in HOMES"
        if not within(module.name, HOMES[package]):
            wrong.append(package)
    assert wrong == _known_offences(module, set(HOMES))


def _known_offences(module: Module, of: set[str]) -> list[str]:
    return [package for package in OFFENCES.get(module.name, []) if package in of]


@pytest.mark.parametrize("module", [m for m in MODULES if within(m.name, PURE)], ids=lambda module: module.name)
def test_pure_modules_touch_nothing_outside(module: Module) -> None:
    wrong = [name for name in module.imports() if within(name, tuple(IMPURE))]
    assert wrong == _known_offences(module, IMPURE)
    assert IMPURE_CALLS.isdisjoint(module.calls())
