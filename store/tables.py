"""The tables. Times are milliseconds since 1970 in UTC; columns that grow large stand last in their row."""

from datetime import UTC, datetime, timedelta

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    CompositeKey,
    IntegerField,
    Model,
    TextField,
)

from store.database import proxy

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_FALSE, _EMPTY = SQL("DEFAULT 0"), SQL("DEFAULT ''")  # of columns that came to tables with rows


def to_ms(moment: datetime) -> int:
    """An aware moment as the tables hold it."""
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(value: int) -> datetime:
    """A stored moment, aware, UTC."""
    return _EPOCH + timedelta(milliseconds=value)


class Moment(BigIntegerField):
    """A moment, as `to_ms` writes it."""

    def db_value(self, value: datetime | None) -> int | None:
        """Aware datetime → milliseconds."""
        return None if value is None else to_ms(value)

    def python_value(self, value: int | None) -> datetime | None:
        """Milliseconds → aware datetime."""
        return None if value is None else from_ms(value)


class Row(Model):
    """Base of all tables."""

    class Meta:
        """All tables live in the process's one database."""

        database = proxy
        legacy_table_names = False


class StoreRow(Row):
    """A merchant's shop. strict: takes a customer's mail from his own address only, a merchant's only proven.

    settings: those of `CaseSettings` that differ from the default, as JSON.
    How its mail looks: colour is `#rrggbb`, logo the digest of a `StoreLogoRow`; each "" for what all stores have.
    """

    id = CharField(48, primary_key=True)
    name = CharField(200)
    created_at = Moment()
    strict = BooleanField(constraints=[_FALSE])
    locale = CharField(35, constraints=[_EMPTY])
    time_zone = CharField(64, constraints=[_EMPTY])
    colour = CharField(7, constraints=[_EMPTY])
    from_address = CharField(254, constraints=[_EMPTY])
    logo = CharField(64, constraints=[_EMPTY])
    settings = TextField(constraints=[SQL("DEFAULT '{}'")])

    class Meta:
        """Name."""

        table_name = "store"


class StoreLogoRow(Row):
    """A picture that mails of a store bear."""

    digest = CharField(64, primary_key=True)
    mime_type = CharField(127)
    width = IntegerField()
    height = IntegerField()
    data = BlobField()

    class Meta:
        """Name."""

        table_name = "store_logo"


class TemplateOverrideRow(Row):
    """A store's own words for one mail; the highest version counts, one with all of them empty is the built-in.

    restores: the version whose words it brings back, 0 for the built-in ones; null for new words.
    broken: why it is not used, "" while it is.
    """

    id = AutoField()
    store_id = CharField(48)
    template = CharField(64)
    version = IntegerField()
    created_at = Moment()
    restores = IntegerField(null=True)
    broken = TextField()
    subject = TextField()
    text = TextField()
    html = TextField()

    class Meta:
        """Name and keys."""

        table_name = "template_override"
        indexes = ((("store_id", "template", "version"), True),)


class MemberRow(Row):
    """A person who works for a store. Removed members stay, inactive, so that history keeps its author.

    muted: names of the notices that he does not want, with blanks between.
    """

    id = CharField(48, primary_key=True)
    store_id = CharField(48)
    email = CharField(254)
    name = CharField(200)
    active = BooleanField()
    created_at = Moment()
    muted = TextField(constraints=[_EMPTY])
    role = CharField(16, constraints=[SQL("DEFAULT 'agent'")])

    class Meta:
        """Name and keys."""

        table_name = "member"
        indexes = ((("store_id", "email"), True),)


class CustomerRow(Row):
    """A buyer."""

    id = CharField(48, primary_key=True)
    store_id = CharField(48, index=True)
    email = CharField(254)
    first_name = CharField(200)
    last_name = CharField(200)
    locale = CharField(35)
    time_zone = CharField(64, constraints=[_EMPTY])

    class Meta:
        """Name and keys."""

        table_name = "customer"
        indexes = ((("store_id", "email"), False),)


class OrderRow(Row):
    """An order. status_at: of the event that set the status. fraud_warning: the type of an early one, "" for none.

    disputed: whether a dispute goes on; one that is lost leaves the status as it was.
    """

    id = CharField(48, primary_key=True)
    store_id = CharField(48, index=True)
    customer_id = CharField(48, index=True)
    number = CharField(64)
    amount = BigIntegerField()
    currency = CharField(3)
    status = CharField(32)
    status_at = Moment()
    created_at = Moment()
    fraud_warning = CharField(64, constraints=[_EMPTY])
    disputed = BooleanField(constraints=[_FALSE])

    class Meta:
        """`order` is a word of SQL."""

        table_name = "orders"


class CaseRow(Row):
    """A ticket. reopened_at: when it was reopened last. idle_warned: nobody has to look at its silence for now.

    erased_at: since when its words are gone; nothing is added to it any more.
    """

    id = CharField(48, primary_key=True)
    store_id = CharField(48)
    customer_id = CharField(48, index=True)
    order_id = CharField(48, index=True)
    subject = CharField(200)
    status = CharField(32)
    priority = CharField(16)
    escalated = BooleanField()
    unread_count = IntegerField()
    last_message_at = Moment()
    last_message_by = CharField(16)
    last_activity_at = Moment()
    closed_at = Moment(null=True)
    closed_by = CharField(16, null=True)
    created_at = Moment()
    updated_at = Moment()
    message_count = IntegerField()
    version = IntegerField()
    reopened_at = Moment(null=True)
    idle_warned = BooleanField(constraints=[_FALSE])
    erased_at = Moment(null=True)

    class Meta:
        """`case` is a word of SQL."""

        table_name = "cases"
        indexes = (
            (("store_id", "last_message_at", "created_at"), False),
            (("store_id", "status", "last_message_at", "created_at"), False),
        )


# Word for word the conditions of the queries that look for what is due.
CaseRow.add_index(
    CaseRow.index(
        CaseRow.store_id,
        CaseRow.last_activity_at,
        where=SQL("status = 'AWAITING_CUSTOMER' AND NOT idle_warned"),
        name="cases_idle",
    )
)
CaseRow.add_index(
    CaseRow.index(CaseRow.closed_at, where=SQL("status = 'CLOSED' AND erased_at IS NULL"), name="cases_closed")
)
CaseRow.add_index(CaseRow.index(CaseRow.created_at, name="cases_opened"))
CaseRow.add_index(CaseRow.index(CaseRow.reopened_at, where=SQL("reopened_at IS NOT NULL"), name="cases_reopened"))
CaseRow.add_index(
    CaseRow.index(
        CaseRow.last_message_at,
        where=SQL("priority IN ('HIGH', 'URGENT') AND status IN ('OPEN', 'AWAITING_MERCHANT')"),
        name="cases_urgent",
    )
)


class ParticipantRow(Row):
    """One person on one case in one role."""

    id = AutoField()
    case_id = CharField(48)
    role = CharField(16)
    member_id = CharField(48, null=True)
    address = CharField(254)
    name = CharField(200)
    handle = BlobField(unique=True)
    generation = IntegerField()
    active = BooleanField()
    last_sent_id = TextField()
    reference_ids = TextField()

    class Meta:
        """Name and keys."""

        table_name = "participant"
        indexes = ((("case_id", "role", "address"), True),)


ParticipantRow.add_index(SQL("CREATE INDEX participant_lower_address ON participant (lower(address))"))


class MessageRow(Row):
    """One entry of a conversation. full_text: the whole mail text before cutting, empty when the body is all of it.

    unverified: it came from the author's own address, and nothing proves that he sent it.
    """

    id = CharField(48, primary_key=True)
    case_id = CharField(48)
    number = IntegerField()
    sender_type = CharField(16)
    sender_id = CharField(48, null=True)
    sender_name = CharField(200)
    participant_id = IntegerField(null=True)
    audience = CharField(16)
    via = CharField(254)
    mail_id = TextField()
    created_at = Moment()
    body = TextField()
    full_text = TextField()
    unverified = BooleanField(constraints=[_FALSE])

    class Meta:
        """Name and keys."""

        table_name = "message"
        indexes = ((("case_id", "number"), True),)


MessageRow.add_index(MessageRow.index(MessageRow.mail_id, where=SQL("mail_id <> ''"), name="message_mail_id"))
MessageRow.add_index(
    MessageRow.index(MessageRow.case_id, MessageRow.audience, where=SQL("audience <> 'all'"), name="message_hidden")
)


class AttachmentRow(Row):
    """A file of a message, and the one reference to its bytes, which messages share."""

    id = CharField(48, primary_key=True)
    message_id = CharField(48, index=True)
    position = IntegerField()
    filename = CharField(255)
    mime_type = CharField(127)
    size_bytes = IntegerField()
    sha256 = CharField(64, index=True)

    class Meta:
        """Name."""

        table_name = "attachment"


class StoredFileRow(Row):
    """Bytes that attachments share. name: that of their file. touched_at: when a message last referred to them.

    marked_at: since when they are to be removed, because nothing refers to them.
    """

    sha256 = CharField(64, primary_key=True)
    name = CharField(96)
    touched_at = Moment()
    marked_at = Moment(null=True)

    class Meta:
        """Name."""

        table_name = "stored_file"


class InboxRow(Row):
    """An accepted raw mail. `lane`: mails of one lane are processed in the order in which they were kept.

    state: pending, claimed or done. due_at: when it may be claimed next; of a claimed row, when its lease ends.
    attempts fences the claims, lost counts those that ended without a result. outcome is empty until done.
    data holds small mails; larger ones stand in the file named by raw_file. Both are empty when their time is over.
    authentication: what is known about the sender, made once (HARDENING rule 4); "" until then.
    failures: tries that ended in trouble, ours or the mail's; waiting for a DNS is none.
    """

    id = AutoField()
    kept_at = Moment()
    mail_from = TextField()
    recipients = TextField()
    client = CharField(64)
    helo = TextField()
    size = IntegerField()
    sha256 = CharField(64)
    lane = CharField(64)
    state = CharField(16)
    due_at = Moment()
    attempts = IntegerField()
    lost = IntegerField()
    worker = CharField(64)
    outcome = CharField(16)
    reason = TextField()
    raw_file = CharField(64)
    data = BlobField(null=True)
    authentication = TextField(constraints=[_EMPTY])
    failures = IntegerField(constraints=[_FALSE])

    class Meta:
        """Name and keys."""

        table_name = "inbox"


InboxRow.add_index(InboxRow.index(InboxRow.due_at, where=SQL("state <> 'done'"), name="inbox_due"))
InboxRow.add_index(InboxRow.index(InboxRow.lane, InboxRow.id, where=SQL("state <> 'done'"), name="inbox_lane"))
InboxRow.add_index(InboxRow.index(InboxRow.outcome, InboxRow.id, name="inbox_outcome"))
# An entry comes with the outcome and goes with the bytes: keeping and claiming a mail do not touch it.
InboxRow.add_index(
    InboxRow.index(
        InboxRow.kept_at,
        where=SQL("outcome NOT IN ('', 'held') AND (data IS NOT NULL OR raw_file <> '')"),
        name="inbox_bytes",
    )
)
# HARDENING rule 17: raw mail is never shared.
InboxRow.add_index(InboxRow.index(InboxRow.raw_file, unique=True, where=SQL("raw_file <> ''"), name="inbox_raw_file"))


class InboxResultRow(Row):
    """What one kept mail came to in one case (case_id empty: in none).

    told_at: when a reviewer heard of a held one. guess: whether no reply address says that it belongs to the case.
    """

    id = AutoField()
    inbox_id = IntegerField()
    case_id = CharField(48)
    participant_id = IntegerField(null=True)
    outcome = CharField(16)
    reason = TextField()
    message_id = CharField(48, null=True)
    told_at = Moment(null=True)
    guess = BooleanField(constraints=[_FALSE])

    class Meta:
        """Name and keys."""

        table_name = "inbox_result"
        indexes = ((("inbox_id", "case_id"), True),)


InboxResultRow.add_index(
    InboxResultRow.index(
        InboxResultRow.id, where=SQL("outcome = 'held' AND told_at IS NULL"), name="inbox_result_untold"
    )
)
InboxResultRow.add_index(InboxResultRow.index(InboxResultRow.case_id, InboxResultRow.outcome, name="inbox_result_case"))


class OutboxRow(Row):
    """An outgoing mail, finished: the same bytes and Message-ID on every try.

    state: queued, claimed, sent, failed or cancelled. due_at, attempts: as in the inbox. unclear counts the tries of
    which nobody knows whether the relay took the mail. answer: the relay's last words, or why it was cancelled.
    route: `operator` for mail that goes by the operator's own relay, else "".
    report: what was heard of it afterwards (delayed, bounced, complained) or why it was not sent (suppressed), else "";
    report_text says it in the words of whoever reported; reports counts all that came.
    told_at: when it was seen to that the people of its case hear that it did not arrive.
    bound_until: until then a mail with an unclear ending goes by the same relay only.
    valid_while: what must still be so when it is sent (`store.validity`), "" for nothing.
    emptied: whether its bytes were removed, because their time was over or its case was erased.
    """

    id = AutoField()
    handle = BlobField(unique=True)
    case_id = CharField(48, index=True)
    participant_id = IntegerField(null=True)
    generation = IntegerField()
    message_id = CharField(48, null=True)
    template = CharField(64)
    recipient = CharField(254)
    envelope_from = CharField(254)
    rfc_message_id = CharField(254, unique=True)
    subject = TextField()
    state = CharField(16)
    due_at = Moment()
    attempts = IntegerField()
    unclear = IntegerField()
    worker = CharField(64)
    created_at = Moment()
    give_up_at = Moment()
    sent_at = Moment(null=True)
    relay = CharField(254)
    answer = TextField()
    data = BlobField()
    relay_id = CharField(254, constraints=[_EMPTY])
    route = CharField(16, constraints=[_EMPTY])
    report = CharField(16, constraints=[_EMPTY])
    report_text = TextField(constraints=[_EMPTY])
    reported_at = Moment(null=True)
    reports = IntegerField(constraints=[_FALSE])
    told_at = Moment(null=True)
    bound_until = Moment(null=True)
    valid_while = CharField(64, constraints=[_EMPTY])
    emptied = BooleanField(constraints=[_FALSE])

    class Meta:
        """Name."""

        table_name = "outbox"


# Not `state IN ('queued', 'claimed')`: SQLite would look those up in outbox_state and sort the backlog at each claim.
OutboxRow.add_index(
    OutboxRow.index(OutboxRow.due_at, where=SQL("state NOT IN ('sent', 'failed', 'cancelled')"), name="outbox_due")
)
OutboxRow.add_index(OutboxRow.index(OutboxRow.state, OutboxRow.id, name="outbox_state"))
OutboxRow.add_index(
    OutboxRow.index(
        OutboxRow.created_at, where=SQL("state NOT IN ('queued', 'claimed') AND NOT emptied"), name="outbox_bytes"
    )
)
OutboxRow.add_index(OutboxRow.index(OutboxRow.relay_id, where=SQL("relay_id <> ''"), name="outbox_relay_id"))
OutboxRow.add_index(
    OutboxRow.index(OutboxRow.message_id, where=SQL("message_id IS NOT NULL"), name="outbox_message_id")
)
OutboxRow.add_index(
    OutboxRow.index(OutboxRow.recipient, OutboxRow.reported_at, where=SQL("report <> ''"), name="outbox_reported")
)
OutboxRow.add_index(
    OutboxRow.index(
        OutboxRow.id,
        where=SQL("told_at IS NULL AND (report IN ('bounced', 'suppressed') OR state = 'failed')"),
        name="outbox_untold",
    )
)
OutboxRow.add_index(OutboxRow.index(OutboxRow.report, OutboxRow.id, where=SQL("report <> ''"), name="outbox_report"))
OutboxRow.add_index(
    OutboxRow.index(
        OutboxRow.relay,
        OutboxRow.state,
        OutboxRow.id,
        where=SQL("state NOT IN ('sent', 'cancelled')"),
        name="outbox_relay",
    )
)
OutboxRow.add_index(
    OutboxRow.index(
        OutboxRow.created_at,
        where=SQL("state NOT IN ('sent', 'failed', 'cancelled') AND attempts = 0 AND route = ''"),
        name="outbox_untried",
    )
)
OutboxRow.add_index(
    OutboxRow.index(
        OutboxRow.route,
        OutboxRow.due_at,
        where=SQL("route = 'operator' AND state NOT IN ('sent', 'failed', 'cancelled')"),
        name="outbox_operator",
    )
)


class IdempotencyRow(Row):
    """A request that took effect. expires_at empty: kept for ever (mail)."""

    scope = CharField(200)
    key = CharField(64)
    request_hash = CharField(64)
    result = TextField()
    expires_at = Moment(null=True)

    class Meta:
        """Name and keys."""

        table_name = "idempotency"
        primary_key = CompositeKey("scope", "key")


IdempotencyRow.add_index(
    IdempotencyRow.index(IdempotencyRow.expires_at, where=SQL("expires_at IS NOT NULL"), name="idempotency_expiry")
)


class TokenRow(Row):
    """A store's API token; the secret itself is not kept."""

    id = CharField(48, primary_key=True)
    store_id = CharField(48, index=True)
    name = CharField(100)
    secret_hash = CharField(64, unique=True)
    scopes = CharField(200)
    created_at = Moment()
    last_used_at = Moment(null=True)
    revoked_at = Moment(null=True)

    class Meta:
        """Name."""

        table_name = "token"


class SigningKeyRow(Row):
    """A fingerprint of every key id that ever signed a token (HARDENING rule 1)."""

    key_id = IntegerField(primary_key=True)
    fingerprint = CharField(32)
    first_used_at = Moment()

    class Meta:
        """Name."""

        table_name = "signing_key"


class SenderRow(Row):
    """An address from which mail has passed authentication (HARDENING rule 4). address: in lower case."""

    address = CharField(254, primary_key=True)
    passed_at = Moment()

    class Meta:
        """Name."""

        table_name = "sender"


class KnownAddressRow(Row):
    """Another address of a customer or member, from which he may post once he has said yes (HARDENING rule 20).

    handle: 16 random bytes, in the link of the question. confirmed_at is empty until the yes.
    """

    id = CharField(48, primary_key=True)
    person_id = CharField(48)
    address = CharField(254)
    handle = BlobField(unique=True)
    asked_at = Moment()
    confirmed_at = Moment(null=True)

    class Meta:
        """Name and keys."""

        table_name = "known_address"
        indexes = ((("person_id", "address"), True),)


class TallyRow(Row):
    """How much of something there was in one stretch of time. bucket: the beginning of the stretch."""

    scope = CharField(200)
    bucket = Moment(index=True)
    amount = BigIntegerField()

    class Meta:
        """Name and keys."""

        table_name = "tally"
        primary_key = CompositeKey("scope", "bucket")


class ToldRow(Row):
    """When somebody was told something last."""

    scope = CharField(200, primary_key=True)
    at = Moment(index=True)

    class Meta:
        """Name."""

        table_name = "told"


class AlarmRow(Row):
    """Something that the operator should look at; the same again only counts.

    told_at: when he was mailed about it. cleared_at: since when it is over, until he is told of that too.
    """

    name = CharField(200, primary_key=True)
    text = TextField()
    raised_at = Moment()
    last_at = Moment()
    times = IntegerField()
    told_at = Moment(null=True)
    cleared_at = Moment(null=True)

    class Meta:
        """Name."""

        table_name = "alarm"


class SuppressionRow(Row):
    """An address that gets no mail. address: in lower case. until is empty where only a person ends it.

    reason: dead, complaint or operator. source: rcpt, report or operator. times: how often it was found dead.
    outbox_id: the mail that told.
    """

    address = CharField(254, primary_key=True)
    reason = CharField(16)
    source = CharField(16)
    detail = TextField()
    since = Moment()
    until = Moment(null=True)
    times = IntegerField()
    outbox_id = IntegerField(null=True)

    class Meta:
        """Name and keys."""

        table_name = "suppression"
        indexes = ((("source", "since"), False),)


class PaceRow(Row):
    """How fast we send by a relay or to a domain. Both in microseconds since 1970, as rates are finer than ours.

    next_at: when the next mail may go. tail_at: when the last of those may go that were told to wait.
    """

    scope = CharField(200, primary_key=True)
    next_at = BigIntegerField(index=True)
    tail_at = BigIntegerField()

    class Meta:
        """Name."""

        table_name = "pace"


class CanaryRow(Row):
    """A mail of ours to ourselves. handle: in its address. seen_at: when it came back."""

    handle = BlobField(primary_key=True)
    sent_at = Moment(index=True)
    seen_at = Moment(null=True)
    outbox_id = IntegerField()

    class Meta:
        """Name."""

        table_name = "canary"


class WarningRow(Row):
    """That a silent case was to be closed: one for each time of silence, which began at `idle_since`.

    outbox_id: the mail that said so. closes_at: what it promised. state: waiting; closed, when the case was; or
    undelivered, when the customer cannot know, so that the case stays open.
    """

    case_id = CharField(48)
    idle_since = Moment()
    outbox_id = IntegerField(unique=True)
    warned_at = Moment()
    closes_at = Moment()
    state = CharField(16)

    class Meta:
        """Name and keys."""

        table_name = "warning"
        primary_key = CompositeKey("case_id", "idle_since")


WarningRow.add_index(WarningRow.index(WarningRow.closes_at, where=SQL("state = 'waiting'"), name="warning_due"))


class EscalationRow(Row):
    """Why support was called into a case: each reason once. signal: its kind; about: what tells two of a kind apart."""

    id = AutoField()
    case_id = CharField(48)
    signal = CharField(32)
    about = CharField(64)
    at = Moment()
    reason = TextField()

    class Meta:
        """Name and keys."""

        table_name = "escalation"
        indexes = ((("case_id", "signal", "about"), True),)


class AuditRow(Row):
    """Who did what, when, through which door. Ids, never names: an erased person's rows stay (HARDENING rule 25).

    role, actor_id, door: of the actor. action: such as `case.closed`. subject: the id of what was changed, when it is
    no case. detail: JSON.
    """

    id = AutoField()
    at = Moment()
    role = CharField(16)
    actor_id = CharField(64)
    door = CharField(16)
    action = CharField(64)
    store_id = CharField(48)
    case_id = CharField(48)
    subject = CharField(64)
    detail = TextField()

    class Meta:
        """Name."""

        table_name = "audit"


AuditRow.add_index(AuditRow.index(AuditRow.case_id, AuditRow.id, where=SQL("case_id <> ''"), name="audit_case"))
AuditRow.add_index(AuditRow.index(AuditRow.store_id, AuditRow.id, where=SQL("store_id <> ''"), name="audit_store"))


class ErasureRow(Row):
    """A person who was erased. digest: HMAC of his id under the erasure key. counts: JSON, of what was removed."""

    digest = CharField(64, primary_key=True)
    at = Moment()
    counts = TextField()

    class Meta:
        """Name."""

        table_name = "erasure"


class ErasedHandleRow(Row):
    """The handle of an erased person's reply addresses, as HMAC under the erasure key: what comes there is refused."""

    digest = CharField(64, primary_key=True)
    at = Moment()

    class Meta:
        """Name."""

        table_name = "erased_handle"


class SwitchRow(Row):
    """Something that stands still until an operator says otherwise. name: see `store.switches`."""

    name = CharField(32, primary_key=True)
    at = Moment()
    reason = TextField()

    class Meta:
        """Name."""

        table_name = "switch"


class SweepRow(Row):
    """How far what the sweep does has come: wall time as it saw it last (HARDENING rule 22), and `store.sweeps`."""

    id = IntegerField(primary_key=True)
    at = Moment()

    class Meta:
        """Name."""

        table_name = "sweep"


TABLES: tuple[type[Row], ...] = (
    StoreRow,
    StoreLogoRow,
    TemplateOverrideRow,
    MemberRow,
    CustomerRow,
    OrderRow,
    CaseRow,
    ParticipantRow,
    MessageRow,
    AttachmentRow,
    StoredFileRow,
    InboxRow,
    InboxResultRow,
    OutboxRow,
    IdempotencyRow,
    TokenRow,
    SigningKeyRow,
    SenderRow,
    KnownAddressRow,
    TallyRow,
    ToldRow,
    AlarmRow,
    SuppressionRow,
    PaceRow,
    CanaryRow,
    WarningRow,
    EscalationRow,
    AuditRow,
    ErasureRow,
    ErasedHandleRow,
    SwitchRow,
    SweepRow,
)
