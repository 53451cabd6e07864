"""Mail templates: what stores say in their own words, and what every mail looks like."""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli import values
from gateway.cli.installation import ConfigFile, opened, settings, utc_now, working
from gateway.cli.output import columns, line, moment, write
from gateway.errors import Invalid, NotFound, Problem

if TYPE_CHECKING:
    from gateway.cases.model import Role
    from gateway.cases.notices import Template
    from gateway.cli.specimens import Specimen
    from gateway.config import Config
    from gateway.outbound.compose import AutoReplyOf, OutgoingMail, OwnWordsOf
    from gateway.overrides.auto_reply import AutoReplies
    from gateway.overrides.render import Sources
    from gateway.overrides.words import Overrides
    from gateway.rendering import Renderer
    from store.overrides import Override

commands = typer.Typer()
template = typer.Typer(
    help="Mail templates: list, show, edit, check, undo, remove, preview, send-test.", no_args_is_help=True
)
commands.add_typer(template, name="template")

TemplateName = Annotated[str, typer.Argument(metavar="TEMPLATE", help="Name of a mail, as the list has it.")]
StoreId = Annotated[str, typer.Option("--store", metavar="STORE", help="Id of the store (shp_…).")]
Subject = Annotated[str, typer.Option("--subject", metavar="FILE", help="Its subject; - for standard input.")]
Text = Annotated[str, typer.Option("--text", metavar="FILE", help="Its words as text.")]
Html = Annotated[str, typer.Option("--html", metavar="FILE", help="Its words as HTML.")]
CaseId = Annotated[str, typer.Option("--case", metavar="ID", help="A case of yours, in place of an invented one.")]
Reader = Annotated[str, typer.Option("--reader", help="Who reads it: CUSTOMER, MERCHANT or SUPPORT.")]
Language = Annotated[str, typer.Option("--language", metavar="TAG", help="The reader's, such as de or pt-BR.")]

_PARTS = ("subject", "text", "html")
_PART_LINE = re.compile(rf"^=== ({'|'.join(_PARTS)}) ===[ \t]*$\n?", re.MULTILINE)
_MOST_BYTES = 1024 * 1024  # that are read of a file; what may be saved is less


# Words of stores


@template.command("list")
def list_templates(store: StoreId = "", config: ConfigFile = None) -> None:
    """Show all mails, and how many stores have words of their own; with --store, every version of its words."""
    from gateway.cases.notices import Template
    from store import overrides, parties

    with opened(settings(config)):
        if store:
            parties.get_store(store)
            columns("TEMPLATE", "VERSION", "SAVED", "WORDS", "STATE", rows=list(_versions(overrides.history(store))))
            return
        counts = overrides.in_use()
    rows = [(one, "yes" if one.can_be_overridden else "no", counts.get(one, "")) for one in Template]
    columns("TEMPLATE", "STORES MAY WRITE IT", "STORES THAT DO", rows=rows)


def _versions(history: "tuple[Override, ...]") -> Iterator[tuple[object, ...]]:
    newest = ""
    for one in history:
        words = " ".join(part for part in _PARTS if getattr(one, part)) or "built-in"
        state = "" if one.template == newest else "in use"
        if one.broken:
            state = f"broken: {one.broken}"
        elif one.restores is not None:
            state = f"{state} (brings back {one.restores or 'the built-in words'})".lstrip()
        newest = one.template
        yield one.template, one.version, moment(one.created_at), words, state


@template.command("show")
def show(
    name: TemplateName,
    store: StoreId = "",
    part: Annotated[str, typer.Option("--part", help="subject, text or html, and nothing else.")] = "",
    config: ConfigFile = None,
) -> None:
    """Show the words of a store as it wrote them; without --store, the built-in template."""
    from importlib.resources import files

    from store import overrides, parties

    which = _template(name)
    part = part and values.one_of(_PARTS, part, "--part")
    if not store:
        if part:
            raise Invalid((Problem("--part", "goes with --store; the built-in template is one file"),))
        typer.echo(files("templates").joinpath("mail", f"{which}.txt").read_text(encoding="utf-8"), nl=False)
        return
    with opened(settings(config)):
        parties.get_store(store)
        own = overrides.current(store, which)
    if own is None or own.is_built_in:
        raise NotFound(f"{store} has no words of its own for {which}; without --store the built-in ones are shown")
    if part:
        typer.echo(getattr(own, part), nl=False)
    else:
        typer.echo(_document(own), nl=False)


@template.command("edit")
def edit(
    name: TemplateName, store: StoreId, subject: Subject = "", text: Text = "", html: Html = "",
    config: ConfigFile = None,
) -> None:  # fmt: skip
    """Give a store words of its own. Without files an editor opens ($VISUAL, $EDITOR).

    A part that is not named stays as it is, an empty one has the built-in words. Wrong words are not saved.
    """
    which, files = _template(name), {"subject": subject, "text": text, "html": html}
    with _overrides(settings(config)) as overrides:
        sources = _now_used(store, which)
        if any(files.values()):
            saved = overrides.save(store, which, _from_files(sources, files))
        else:
            saved = _edit_until_right(overrides, store, which, sources)
    _tell_saved(saved)


@template.command("check")
def check(
    name: TemplateName, store: StoreId, subject: Subject = "", text: Text = "", html: Html = "",
    config: ConfigFile = None,
) -> None:  # fmt: skip
    """Tell everything that is wrong with words for a mail, and save nothing. Without files, the store's words now."""
    which, files = _template(name), {"subject": subject, "text": text, "html": html}
    with _overrides(settings(config)) as overrides:
        problems = overrides.check(which, _from_files(_now_used(store, which), files))
    if problems:
        raise Invalid(problems)
    typer.echo(f"nothing is wrong with these words for {which}")


@template.command("undo")
def undo(name: TemplateName, store: StoreId, config: ConfigFile = None) -> None:
    """Bring back the words before those in use, as a new version; again, those before them."""
    which = _template(name)
    with _overrides(settings(config)) as overrides:
        saved = overrides.undo(store, which)
    _tell_saved(saved)


@template.command("remove")
def remove(name: TemplateName, store: StoreId, config: ConfigFile = None) -> None:
    """Go back to the built-in words; undo brings the store's back."""
    which = _template(name)
    with _overrides(settings(config)) as overrides:
        saved = overrides.remove(store, which)
    _tell_saved(saved)


# Looking at mails


@template.command("preview")
def preview(
    name: TemplateName,
    store: StoreId = "",
    case: CaseId = "",
    reader: Reader = "",
    language: Language = "",
    form: Annotated[str, typer.Option("--format", help="html, text, raw, or page: with its headers above.")] = "text",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there.")] = None,
    config: ConfigFile = None,
) -> None:
    """Show a mail as it would be sent, with an invented case or a real one. Its addresses and links do not work."""
    from gateway.cli.previews import Form, shown
    from gateway.rendering import built_in

    which, kind = _template(name), Form(values.one_of(tuple(Form), form, "--format"))
    wanted = _Wanted(which, store, case, _role(reader), language)
    loaded, renderer = settings(config), built_in()
    if store or case:
        with _words(loaded) as (overrides, auto_replies):
            mail = _specimen(loaded, renderer, wanted, overrides.words, auto_replies.text)
    else:
        mail = _specimen(loaded, renderer, wanted)
    _write(shown(mail.data, kind, renderer), out)


@template.command("send-test")
def send_test(
    name: TemplateName,
    to: Annotated[str, typer.Option("--to", metavar="ADDRESS", help="Who gets it.")],
    store: StoreId = "",
    case: CaseId = "",
    reader: Reader = "",
    language: Language = "",
    config: ConfigFile = None,
) -> None:
    """Send a mail as a test: marked in its subject, part of no case, and nobody reads answers to it."""
    from gateway.cli import specimens
    from gateway.courier import queue

    wanted, loaded = _Wanted(_template(name), store, case, _role(reader), language), settings(config)
    recipient = values.person_address(to, loaded)
    with working(loaded) as parts:
        specimen, now = wanted.specimen(), parts.now()
        notice = specimens.answering(specimen, parts.composer, now)
        mail = parts.composer.compose_test(notice, specimen.scene, recipient, now)
        parts.database.write(lambda: queue(mail, None, None, now))
        parts.jobs.wake_outbox()
        _tell_broken(wanted.template, specimen.scene.store.id)
    typer.echo(f"queued for {line(recipient)}: {line(mail.subject)}")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which mail somebody wants to look at; each but the template may be "" or None."""

    template: "Template"
    store: str
    case: str
    reader: "Role | None"
    language: str

    def specimen(self) -> "Specimen":
        """What it is made of, with its reader's language. Raises NotFound and Invalid."""
        from gateway.cli import specimens
        from gateway.locales import check_locale
        from store import parties

        store = parties.get_store(self.store) if self.store else None
        found = specimens.of(self.template, store=store, case_id=self.case, reader=self.reader)
        if not self.language:
            return found
        check_locale(self.language)
        view = found.scene.view
        return replace(
            found,
            scene=replace(
                found.scene,
                store=replace(found.scene.store, locale=self.language),
                view=replace(view, customer=replace(view.customer, locale=self.language)),
            ),
        )


def _specimen(
    config: "Config",
    renderer: "Renderer",
    wanted: _Wanted,
    own_words: "OwnWordsOf | None" = None,
    auto_reply: "AutoReplyOf" = lambda store_id, source, told: "",
) -> "OutgoingMail":
    """A mail to look at; its reply address counts nowhere. own_words: None for the built-in ones."""
    from gateway.cli import specimens
    from gateway.outbound import sign
    from gateway.outbound.compose import Composer
    from gateway.signing import Keyring
    from store import logos

    keyring, now = Keyring({0: os.urandom(32)}, 0), utc_now()
    words = own_words or (lambda store_id, template, context: None)
    composer = Composer(
        config, keyring, renderer, own_words=words, signer=sign.load(config), logo=logos.find, auto_reply=auto_reply
    )
    if wanted.template in specimens.LETTERS and not wanted.case:
        return specimens.letter(wanted.template, composer, now)
    specimen = wanted.specimen()
    mail = composer.compose(specimens.answering(specimen, composer, now), specimen.scene, now)
    if own_words is not None:
        _tell_broken(wanted.template, specimen.scene.store.id)
    return mail


def _write(data: bytes, out: Path | None) -> None:
    if out is None:
        write(data)
        return
    try:
        out.write_bytes(data)
    except OSError as error:
        raise Invalid((Problem("--out", f"{out} cannot be written: {error.strerror}"),)) from error


def _tell_broken(which: "Template", store: str) -> None:
    """Say so when the mail has our words because those of the store fail."""
    from store import overrides

    own = overrides.current(store, which)
    if own is not None and own.broken:
        typer.echo(f"{store}: its words for {which} (version {own.version}) fail: {own.broken}", err=True)


# What the commands share


def _template(name: str) -> "Template":
    from gateway.cases.notices import Template

    return Template(values.one_of(tuple(Template), name, "TEMPLATE"))


def _role(reader: str) -> "Role | None":
    from gateway.cases.model import Role

    roles = (Role.CUSTOMER, Role.MERCHANT, Role.SUPPORT)
    return Role(values.one_of(roles, reader, "--reader")) if reader else None


@contextmanager
def _words(config: "Config") -> "Iterator[tuple[Overrides, AutoReplies]]":
    """Stores' words, with the child process that tries them."""
    from gateway.mail.redact import Redactor
    from gateway.overrides.auto_reply import AutoReplies
    from gateway.overrides.words import Overrides

    redactor = Redactor(config.mail.reply_domain, config.gateway.public_url)
    with opened(config) as (database, _):
        overrides = Overrides(database, redactor, utc_now)
        try:
            yield overrides, AutoReplies(overrides.child, database, redactor, utc_now)
        finally:
            overrides.close()


@contextmanager
def _overrides(config: "Config") -> "Iterator[Overrides]":
    with _words(config) as (overrides, _):
        yield overrides


def _now_used(store: str, which: "Template") -> "Sources":
    """The words of a store now, whether they work or not. Raises NotFound for an unknown store."""
    from gateway.overrides.words import sources_of
    from store import overrides, parties

    parties.get_store(store)
    return sources_of(overrides.current(store, which))


def _from_files(sources: "Sources", files: Mapping[str, str]) -> "Sources":
    """The sources with what stands in files. files: part → path, `-` for standard input, "" for as it is.

    Raises Invalid with every file that cannot be used.
    """
    if list(files.values()).count("-") > 1:
        raise Invalid((Problem("-", "standard input can be one part only; name files for the others"),))
    read, problems = {}, []
    for part, path in files.items():
        try:
            if path:
                read[part] = _read(path)
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
            problems.append(Problem(f"--{part}", f"{path} cannot be read: {why}"))
    if problems:
        raise Invalid(tuple(problems))
    return replace(sources, **read)


def _read(path: str) -> str:
    """A file, and not more of it than tells that it is too long."""
    if path == "-":
        return sys.stdin.buffer.read(_MOST_BYTES).decode()
    with Path(path).open("rb") as file:
        return file.read(_MOST_BYTES).decode()


def _tell_saved(saved: "Override") -> None:
    what = "the built-in words" if saved.is_built_in else "words of its own"
    typer.echo(f"{saved.store_id} has {what} for {saved.template} now: version {saved.version}")


# The editor


def _edit_until_right(overrides: "Overrides", store: str, which: "Template", sources: "Sources") -> "Override":
    """Have a person edit the words, again when something is wrong with them. What he wrote is not lost."""
    from gateway.overrides.render import Sources

    descriptor, name = tempfile.mkstemp(prefix=f"{which}-", suffix=".txt")
    file = Path(name)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opening:
        opening.write(_document(sources, _help(store, which)))
    while True:
        _open_editor(file)
        try:
            parts = _parts_of(file.read_text(encoding="utf-8"))
            if parts == asdict(sources):
                file.unlink()
                raise Invalid((Problem("", "nothing was changed"),))
            saved = overrides.save(store, which, Sources(**parts))
        except Invalid as error:
            if not file.exists():
                raise
            for problem in error.problems:
                typer.echo(f"{problem.field}: {problem.text}" if problem.field else problem.text, err=True)
            if not typer.confirm("Edit again?", default=True, err=True):
                raise Invalid((Problem("", f"nothing was saved; what you wrote is in {file}"),)) from error
        else:
            file.unlink()
            return saved


def _open_editor(file: Path) -> None:
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    try:
        subprocess.run([*editor, str(file)], check=True)  # noqa: S603 - whatever the person has chosen
    except (OSError, subprocess.CalledProcessError) as error:
        text = f"the editor {editor[0]} did not work; set $EDITOR, or name files: --subject, --text, --html"
        raise Invalid((Problem("", text),)) from error


def _help(store: str, which: "Template") -> str:
    from gateway.overrides.values import VALUES

    return (
        f"Words of {store} for {which}. Write below the three lines; what stays empty has the built-in words.\n"
        f"Values: {' '.join(f'{{{{ {name} }}}}' for name in VALUES)}\n\n"
    )


def _document(sources: "Sources | Override", head: str = "") -> str:
    """All parts as one text."""
    parts = (f"=== {part} ===\n{str(getattr(sources, part)).rstrip()}\n" for part in _PARTS)
    return head + "".join(parts)


def _parts_of(document: str) -> dict[str, str]:
    """The parts of such a text; what stands above the first is for people. Raises Invalid when a line is gone."""
    pieces = _PART_LINE.split(document)
    parts = dict(zip(pieces[1::2], (piece.strip("\n") for piece in pieces[2::2]), strict=True))
    missing = [part for part in _PARTS if part not in parts]
    if missing or len(pieces) != 1 + 2 * len(_PARTS):
        raise Invalid((Problem("", "the lines === subject ===, === text === and === html === stand there once each"),))
    return parts
