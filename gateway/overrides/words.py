"""The words of a store in a mail: asked for when it is made, checked when they are saved, put aside when they fail."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from gateway.cases.model import Actor
from gateway.cases.notices import Template
from gateway.errors import Conflict, Invalid, NotAllowed, NotFound, Problem
from gateway.mail.quotes import MARKER
from gateway.mail.redact import Redactor
from gateway.overrides import render
from gateway.overrides.child import Child
from gateway.overrides.render import PARTS, Broken, Sources
from gateway.overrides.values import tries, values
from gateway.rendering import OwnWords
from store import alarms, audit, overrides, parties
from store.database import Database
from store.overrides import Override

WORDS_BYTES: Final = 48 * 1024  # of a part with the longest values; Gmail cuts a mail off behind 102 kB


class Overrides:
    """Stores' own words. Threads may share it; rendering happens in one child process, one mail after the other."""

    def __init__(self, database: Database, redactor: Redactor, now: Callable[[], datetime]) -> None:
        self._database = database
        self._redactor = redactor
        self._now = now
        self.child = Child()

    def close(self) -> None:
        """End the child process."""
        self.child.close()

    # When a mail is made

    def words(self, store_id: str, template: Template, context: Mapping[str, object]) -> OwnWords | None:
        """The store's words for a mail, None for our own. context: what the built-in template is told.

        Words that fail are put aside: that version is not used again, an alarm is raised once, and the mail gets ours.
        Asks the database each time, by index: what another process saved counts for the next mail.
        """
        override = overrides.current(store_id, template)
        if override is None or override.is_built_in or override.broken:
            return None
        try:
            words = self.child.made(render.render, sources_of(override), values(context))
        except Broken as error:
            self._put_aside(override, str(error))
            return None
        # What passed the check holds no credential; a row may have come into the database on another way.
        redact = self._redactor
        return OwnWords(redact.text(words.subject), redact.text(words.text), redact.html(words.html))

    def _put_aside(self, override: Override, why: str) -> None:
        now = self._now()

        def job() -> None:
            if overrides.mark_broken(override, why):
                alarms.raise_(_alarm(override), _alarm_text(override, why), now)

        if self._database.is_writing():
            job()  # the mail is made inside of a transaction: this is part of it
        else:
            self._database.write(job)

    # When words are saved

    def check(self, template: Template, sources: Sources) -> tuple[Problem, ...]:
        """Everything that is wrong with sources: what is not allowed; when nothing is, what fails with invented values.

        The field of a problem is the part that has it, "" for the whole. Raises NotAllowed.
        """
        _require_overridable(template)
        return tuple(self._refused(sources) or self._failing(template, sources))

    def _refused(self, sources: Sources) -> list[Problem]:
        problems = self.child.refused(render.check, sources)
        for part, source in sources.parts():
            if self._redactor.text(source) != source:
                text = "it holds a reply address or a personal link; leave it out, the mail brings its reader's own"
                problems.append(Problem(part, text))
            if MARKER in source:
                problems.append(Problem(part, "it holds the line that parts answers from quotations; leave it out"))
        return problems

    def _failing(self, template: Template, sources: Sources) -> list[Problem]:
        found: dict[tuple[str, str], str] = {}  # part and problem → with which values it came up first
        silent = {part for part, _ in sources.parts()}
        for which, told in tries(template):
            try:
                words = self.child.made(render.render, sources, told)
            except Broken as error:
                found.setdefault((error.part, error.why), which)
                silent.clear()
                continue
            for part in PARTS:
                made = len(getattr(words, part).encode())
                if made:
                    silent.discard(part)
                if made > WORDS_BYTES:
                    why = f"more than {WORDS_BYTES} bytes come out, and mail programs would hide the rest; write less"
                    found.setdefault((part, why), which)
        problems = [Problem(part, f"{why} ({which})") for (part, why), which in found.items()]
        return problems + [Problem(part, "no word comes out, whatever the values") for part in sorted(silent)]

    def save(self, store_id: str, template: Template, sources: Sources, actor: Actor = audit.OPERATOR) -> Override:
        """Make sources the words of a store, as a new version.

        Raises NotFound, NotAllowed, and Invalid with every problem.
        """
        parties.get_store(store_id)
        if problems := self.check(template, sources):
            raise Invalid(problems)
        return self._write(store_id, template, sources, "template.saved", actor, restores=None)

    def remove(self, store_id: str, template: Template, actor: Actor = audit.OPERATOR) -> Override:
        """Go back to our own words; `undo` brings the store's back. Raises NotFound."""
        parties.get_store(store_id)
        if (override := overrides.current(store_id, template)) is None or override.is_built_in:
            raise NotFound(f"{store_id} has no words of its own for {template}")
        return self._write(store_id, template, Sources(), "template.removed", actor, restores=None)

    def undo(self, store_id: str, template: Template, actor: Actor = audit.OPERATOR) -> Override:
        """Bring back the words before those that count now, as a new version; again, those before them.

        Raises NotFound, Conflict when there were none before, and Invalid when the old words are not allowed any more.
        """
        parties.get_store(store_id)
        override = overrides.current(store_id, template)
        if override is None:
            raise NotFound(f"{store_id} never had words of its own for {template}")
        before = (override.version if override.restores is None else override.restores) - 1
        if before < 0:
            raise Conflict(f"There is nothing before: {store_id} began with the built-in words for {template}")
        old = overrides.version(store_id, template, before) if before else None
        sources = sources_of(old)
        if problems := self.check(template, sources):
            raise Invalid(problems)
        return self._write(store_id, template, sources, "template.restored", actor, restores=before)

    def _write(
        self, store_id: str, template: Template, sources: Sources, action: str, actor: Actor, *, restores: int | None
    ) -> Override:
        now = self._now()

        def job() -> Override:
            override = overrides.add(
                store_id, template, subject=sources.subject, text=sources.text, html=sources.html, now=now,
                restores=restores,
            )  # fmt: skip
            alarms.resolve(_alarm(override), now)
            detail = {"version": override.version} | ({} if restores is None else {"restores": restores})
            audit.record(actor, action, now, store_id=store_id, subject=template, detail=detail)
            return override

        return self._database.write(job)


def sources_of(override: Override | None) -> Sources:
    """What a version says; of none, that our own words are used."""
    if override is None:
        return Sources()
    return Sources(override.subject, override.text, override.html)


def _require_overridable(template: Template) -> None:
    if not template.can_be_overridden:
        able = ", ".join(one for one in Template if one.can_be_overridden)
        raise NotAllowed(f"{template} always has the built-in words; stores may write {able}")


def _alarm(override: Override) -> str:
    return f"template:{override.store_id}:{override.template}"


def _alarm_text(override: Override, why: str) -> str:
    return (
        f"The words of store {override.store_id} for {override.template} (version {override.version}) fail: {why}."
        f" Its mails have the built-in words until `casegate template edit {override.template}"
        f" --store {override.store_id}` mends them, or `template undo` brings back those before."
    )
