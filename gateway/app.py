"""The composition root: what a process is made of, built from the settings. Nothing here listens yet."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from gateway import clocks, keys, rendering
from gateway.alerts import Alerts
from gateway.canary import Canaries
from gateway.cases.escalation import Rules
from gateway.changes import Changes
from gateway.clocks import Clocks
from gateway.closing import Closing
from gateway.config import Config
from gateway.courier import Courier
from gateway.deliveries import Deliveries
from gateway.desk import Desk
from gateway.dns import Resolver
from gateway.erasing import Erasing
from gateway.errors import Invalid, Problem
from gateway.exporting import Exporting
from gateway.inbound.admit import Admission
from gateway.inbound.answer import Answers
from gateway.inbound.authenticate import Authenticator
from gateway.inbound.explain import Explainer
from gateway.inbound.keep import Intake, Rush
from gateway.inbound.limits import RateLimits
from gateway.inbound.process import Processor
from gateway.inbound.read import Reader
from gateway.inbound.release import Releases
from gateway.inbound.understand import Understander
from gateway.mail.authentication.verdict import Trusted
from gateway.mail.files import Limits
from gateway.mail.redact import Redactor
from gateway.outbound import sign
from gateway.outbound.compose import Composer
from gateway.outbound.dispatch import Dispatcher
from gateway.outbound.relay import Relay
from gateway.outbound.routes import Route, Routes
from gateway.outbound.target import Target
from gateway.overrides.auto_reply import AutoReplies
from gateway.overrides.words import Overrides
from gateway.reviews import Reviews
from gateway.support import Support
from gateway.watch import Watch
from store import counts, idempotency, known_addresses, logos, migrations, pace, retention
from store.database import Database
from store.files import Files
from store.ledger import Ledger
from tasks.jobs import Jobs, declare
from tasks.queue import Bell, Queue, make_queue

RELAY_TIMEOUT = 45.0  # seconds for each step; all steps of one mail together end before its lease does
RUSH_REST = 0.05  # seconds between two processed mails while mail comes in at a rush


def utc_now() -> datetime:
    """The clock of real processes; tests hand in their own."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Parts:
    """Everything that works in one process, built and ready, nothing of it listening yet."""

    config: Config
    database: Database
    files: Files
    ledger: Ledger
    secrets: keys.Secrets
    admission: Admission
    intake: Intake
    overrides: Overrides
    composer: Composer
    changes: Changes
    desk: Desk
    closing: Closing
    support: Support
    reader: Reader
    authenticator: Authenticator
    processor: Processor
    releases: Releases
    explainer: Explainer
    reviews: Reviews
    alerts: Alerts
    canaries: Canaries
    watch: Watch
    deliveries: Deliveries
    erasing: Erasing
    exporting: Exporting
    dispatcher: Dispatcher
    jobs: Jobs
    bell: Bell
    queue: Queue
    stopping: threading.Event
    sweep: Callable[[], None]
    now: Callable[[], datetime]

    def problems(self) -> list[str]:
        """Why this process is not ready, in words for the operator; empty when it is. Blocks."""
        found = []
        if not self.database.healthy:
            found.append("the database does not take changes")
            return found
        if self.admission.closed is not None:
            found.append(self.admission.closed.text)
        found += self.watch.problems()
        found += [f"relay {name} does not work" for name in self.dispatcher.troubled()]
        return found


def bind_store(config: Config) -> tuple[Database, Files]:
    """Reach the database, whatever its schema, and the folder of files. Raises Invalid."""
    os.umask(0o077)  # mail is private
    try:
        config.gateway.data_dir.mkdir(parents=True, exist_ok=True)
        files = Files(config.files_dir)
        files.open()
    except OSError as error:
        raise Invalid((Problem("gateway.data_dir", f"cannot be used: {error}"),)) from error
    database = Database(config.database_url)
    database.bind()
    return database, files


def open_store(config: Config, *, migrate: bool) -> tuple[Database, Files]:
    """Open the database and the folder of files. Raises Invalid when the schema is not up to date."""
    path = Path(urlsplit(config.database_url).path[1:])
    if not migrate and not path.exists():
        text = f"there is no database {path} yet: run `casegate run` or `casegate migrate` first"
        raise Invalid((Problem("database.url", text),))
    database, files = bind_store(config)
    if migrate:
        migrations.apply()
    elif pending := migrations.pending():
        raise Invalid((Problem("database.url", f"the schema lacks {', '.join(pending)}: run `casegate migrate`"),))
    database.open()
    return database, files


def build(
    config: Config,
    *,
    run: bool,
    worker: str,
    now: Callable[[], datetime] = utc_now,
    elapsed: Callable[[], float] = clocks.elapsed,
) -> Parts:
    """Build all parts. run: the embedded all-in-one, which migrates and makes missing secrets. Raises Invalid.

    elapsed: seconds by a clock that nobody sets, which goes along with `now`.
    """
    database, files = open_store(config, migrate=run)
    secrets = keys.load(config, database, may_make=run, now=now())
    ledger = Ledger(config.ledger_file)
    bell, stopping = Bell(), threading.Event()
    # Whoever leaves work behind wakes `jobs`, which are declared below: they are made of what is built first.
    redactor = Redactor(config.mail.reply_domain, config.gateway.public_url)
    overrides = Overrides(database, redactor, now)
    auto_replies = AutoReplies(overrides.child, database, redactor, now)
    signer = sign.load(config)
    composer = Composer(
        config,
        secrets.keyring,
        rendering.built_in(),
        own_words=overrides.words,
        signer=signer,
        logo=logos.find,
        auto_reply=auto_replies.text,
    )
    changes = Changes(
        database,
        files,
        composer,
        now=now,
        wake=lambda: jobs.wake_outbox(),
        support=(config.support.address, config.support.name),
    )
    signals = Rules(config.support.repeated_cases, config.support.repeated_days, config.support.silent_hours)
    support = Support(database, changes, signals, address=config.support.address)
    desk = Desk(changes, composer, reply_domain=config.mail.reply_domain, support_name=config.support.name)
    admission = Admission(
        secrets.keyring,
        reply_domain=config.mail.reply_domain,
        from_address=config.from_address,
        known_key_ids=secrets.known_key_ids,
    )
    rush = Rush(time.monotonic)
    intake = Intake(
        admission, RateLimits(config.smtp, now), database, files, now=now, rush=rush, wake=lambda: jobs.wake_inbox()
    )

    def make_way() -> None:
        """Before each mail that is processed: mail that comes in goes first, mail that goes out has its turn."""
        if rush.is_on():
            stopping.wait(RUSH_REST)
        jobs.turns.between_mails()

    reader = Reader(Limits(config.files.max_per_message, config.files.max_bytes), clamd=config.files.clamd)

    def dns_answered(inbox_id: int) -> None:
        """The sender of a mail that was given back can be authenticated now."""
        processor.hasten(inbox_id)
        jobs.wake_inbox()

    trusted = Trusted(config.smtp.trusted_relays, config.smtp.authserv_id, frozenset(config.mail.arc_sealers))
    resolver = Resolver(config.name_server, timeout=config.dns.timeout)
    authenticator = Authenticator(resolver, trusted, ready=dns_answered)
    understander = Understander(
        reader,
        authenticator,
        secrets.keyring,
        redactor,
        own_domains=frozenset({config.mail.reply_domain}),
        now=now,
    )
    courier = Courier(composer, now)
    answers = Answers(courier, now)
    canaries = Canaries(
        database,
        composer,
        secrets.keyring,
        reply_domain=config.mail.reply_domain,
        every=timedelta(minutes=config.canary.every_minutes),
        now=now,
    )

    def obstacle() -> str:
        """Why an answer may not reach us now: then no silent case is closed."""
        return admission.closed.text if admission.closed is not None else canaries.trouble()

    closing = Closing(
        database,
        changes,
        close_days=config.cases.auto_close_days,
        warn_days=config.cases.warn_days,
        obstacle=obstacle,
    )
    deliveries = Deliveries(database, desk, closing, redactor, now=now, wake=lambda: jobs.wake_deliveries())
    erasing = Erasing(database, files, ledger, keys.ErasureKey(config), now=now)
    processor = Processor(
        desk,
        database,
        files,
        understander,
        answers,
        deliveries,
        erasing=erasing,
        worker=worker,
        now=now,
        stopping=stopping.is_set,
        make_way=make_way,
    )
    dispatcher = Dispatcher(
        database,
        _routes(config),
        worker=worker,
        now=now,
        wake=lambda: jobs.wake_outbox(),
        stopping=stopping.is_set,
        new_loop=uvloop.new_event_loop,
        refused=deliveries.refused,
        told=deliveries.wake,
        brake=deliveries.brake,
    )
    releases = Releases(
        desk,
        database,
        files,
        understander,
        courier,
        secrets.keyring,
        public_url=config.gateway.public_url,
        now=now,
    )
    reviews = Reviews(database, courier, operator=config.mail.operator_address, now=now)
    alerts = Alerts(database, courier, operator=config.mail.operator_address, now=now)
    watch = Watch(database, canaries, now)
    clock = Clocks(database, now=now, elapsed=elapsed)
    queue = make_queue(config.queue_url)
    keep_raw, keep_sent, keep_cases = (
        timedelta(days=days) if days else None
        for days in (config.files.retention_days, config.outbound.retention_days, config.cases.retention_days)
    )

    def sweep() -> None:
        """Beside waking, every minute: one thing after the other, whatever became of those before it."""
        each(
            deliveries.settle,
            what_time_does,
            erasing.cut_log,
            watch.look,
            canaries.send,
            reviews.tell,
            alerts.tell,
            jobs.wake_outbox,
        )

    def what_time_does() -> None:
        """Nothing of it while nobody knows whether the clock can be believed (HARDENING rule 22)."""
        clock.look()
        each(
            lambda: tidy(database, files, now(), keep_raw=keep_raw, keep_sent=keep_sent),
            lambda: erasing.retire(keep_cases) if keep_cases is not None else None,
            closing.look,
            support.look,
        )

    jobs = declare(queue, bell, processor, dispatcher, deliveries, sweep)
    return Parts(
        config,
        database,
        files,
        ledger,
        secrets,
        admission,
        intake,
        overrides,
        composer,
        changes,
        desk,
        closing,
        support,
        reader,
        authenticator,
        processor,
        releases,
        Explainer(understander, desk, answers, now),
        reviews,
        alerts,
        canaries,
        watch,
        deliveries,
        erasing,
        Exporting(files, redactor, now=now),
        dispatcher,
        jobs,
        bell,
        queue,
        stopping,
        sweep,
        now,
    )


def _routes(config: Config) -> Routes:
    """The relays that mail goes out by."""

    def relay(target: Target) -> Relay:
        return Relay(target, local_hostname=config.mail.reply_domain, timeout=RELAY_TIMEOUT)

    outbound = config.outbound
    return Routes(
        [Route(relay(one.target), one.rate_per_minute) for one in config.relay],
        Route(relay(config.operator_relay)) if config.operator_relay is not None else None,
        domain_rate=outbound.domain_rate if outbound.domain_rates or outbound.domain_rate_per_minute else None,
    )


def each(*steps: Callable[[], object]) -> None:
    """Do all of these, in their order. What went wrong is raised afterwards, as one ExceptionGroup."""
    errors = []
    for step in steps:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - the trouble of one must not keep the others from their work
            errors.append(error)
    if errors:
        raise ExceptionGroup("the sweep is not complete", errors)


def tidy(
    database: Database,
    files: Files,
    now: datetime,
    *,
    keep_raw: timedelta | None,
    keep_sent: timedelta | None = None,
) -> None:
    """Forget what nobody can ask for any more. keep_raw, keep_sent: as in `retention.sweep`."""
    database.write(
        lambda: (
            idempotency.forget_expired(now)
            + counts.forget_old(now)
            + pace.forget_old(now)
            + known_addresses.forget_unanswered(now)
        )
    )
    retention.sweep(database, files, now, keep_raw=keep_raw, keep_sent=keep_sent)
