"""The settings: typed, frozen, each documented at its field; every problem of a file is reported at once.

A value comes from the environment (`CASEGATE_SECTION__KEY`), else from the TOML file, else from the default here.
`config.toml` at the project's root is written by `document()` and shows every key with its default.
"""

import base64
import binascii
import difflib
import json
import re
import tomllib
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings.exceptions import SettingsError

from gateway.errors import Invalid, Problem
from gateway.outbound.target import Target, read_url

SECRET_BYTES = 32


def _address(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 <= int(port) <= 65_535:
        raise ValueError("write host:port, for example 127.0.0.1:2525")
    return value


def _address_or_path(value: str) -> str:
    if not value or value.startswith("/"):
        return value
    if _address(value).endswith(":25"):
        raise ValueError("take another port: 25 is for SMTP alone (RFC 2033)")
    return value


def _network(value: object) -> IPv4Network | IPv6Network:
    try:
        return ip_network(str(value))
    except ValueError as error:
        raise ValueError(f"write an address or a network, for example 10.1.0.0/16 ({error})") from error


def _name_server(value: str) -> str:
    if value:
        address, _, _ = _address(value).rpartition(":")
        try:
            ip_address(address.strip("[]"))
        except ValueError as error:
            raise ValueError("write address:port, for example 127.0.0.1:53 or [::1]:53") from error
    return value


def _domain(value: str) -> str:
    labels = value.lower().rstrip(".").split(".")
    if not value.isascii() or not all(label.replace("-", "").isalnum() and len(label) <= 63 for label in labels):
        raise ValueError("write a domain name, for example cases.example.org (in other scripts its form in xn--…)")
    return ".".join(labels)


def _mail_address(value: str) -> str:
    local, _, domain = value.rpartition("@")
    if value and not re.fullmatch(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}", local, re.ASCII):  # RFC 5322 §3.2.3
        raise ValueError("write an address, for example operator@example.org")
    return f"{local}@{_domain(domain)}" if value else ""


def _url(*schemes: str) -> Any:
    def check(value: str) -> str:
        if value and not value.startswith(tuple(f"{scheme}://" for scheme in schemes)):
            raise ValueError(f"write an address that starts with {' or '.join(f'{s}://' for s in schemes)}")
        return value.rstrip("/")

    return AfterValidator(check)


def _clamd_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme == "tcp":
        _address(parts.netloc)
    elif value and not (parts.scheme == "unix" and not parts.netloc and len(parts.path) > 1):
        raise ValueError("write tcp://host:port or unix:///path/to/socket")
    return value


def _relay_url(secret: SecretStr) -> SecretStr:
    read_url(secret.get_secret_value())
    return secret


def _optional_relay_url(secret: SecretStr) -> SecretStr:
    return _relay_url(secret) if secret.get_secret_value() else secret


def _token_key(secret: SecretStr) -> SecretStr:
    key_id, colon, encoded = secret.get_secret_value().partition(":")
    try:
        long_enough = len(base64.b64decode(encoded, validate=True)) >= SECRET_BYTES
    except binascii.Error:
        long_enough = False
    if not (colon and key_id.isdigit() and int(key_id) <= 255 and long_enough):
        raise ValueError(f"write id:base64, an id from 0 to 255 and at least {SECRET_BYTES} bytes")
    return secret


def _path_secret(secret: SecretStr) -> SecretStr:
    if secret.get_secret_value() and not re.fullmatch(r"[A-Za-z0-9_-]{20,}", secret.get_secret_value()):
        raise ValueError("write 20 or more of A-Z a-z 0-9 - _")
    return secret


def _topic_arn(value: str) -> str:
    if value and not re.fullmatch(r"arn:aws(-us-gov)?:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}", value):
        raise ValueError("write arn:aws:sns:<region>:<account>:<topic>")
    return value


#: A file that may be left out: an empty text is none.
OptionalFile = Annotated[Path | None, BeforeValidator(lambda value: value or None)]
ListenAddress = Annotated[str, AfterValidator(_address)]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
Domain = Annotated[str, AfterValidator(_domain)]
Rate = Annotated[int, Field(ge=0, le=1_000_000)]
PathSecret = Annotated[SecretStr, AfterValidator(_path_secret)]


class Section(BaseModel):
    """Base of the sections: frozen, and a key that does not exist is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class GatewaySection(Section):
    """The installation as a whole."""

    public_url: Annotated[str, _url("http", "https")] = Field(
        "http://127.0.0.1:8080", description="The address under which people and programs reach this gateway."
    )
    data_dir: Path = Field(Path("data"), description="Folder for the embedded database, queue, files and secrets.")
    free_space_floor: int = Field(
        256 * 1024 * 1024, ge=0, description="Bytes; below this much free disk no new mail is taken (452)."
    )


class HttpSection(Section):
    """The web door."""

    listen: ListenAddress = Field("127.0.0.1:8080", description="host:port of the HTTP server.")
    proxy_from: tuple[Network, ...] = Field(
        (),
        description="Networks of the TLS proxies before `listen`; only their X-Forwarded-For and -Proto are believed.",
    )
    metrics_from: tuple[Network, ...] = Field(
        (), description="Networks that may read /metrics, beside this machine; others are answered 404."
    )


class SmtpSection(Section):
    """The mail door."""

    listen: ListenAddress = Field("127.0.0.1:2525", description="host:port of the SMTP server.")
    lmtp_listen: Annotated[str, AfterValidator(_address_or_path)] = Field(
        "", description="host:port or /path/to/socket of the LMTP server; empty switches it off."
    )
    proxy_from: tuple[Network, ...] = Field(
        (), description="Networks of the proxies before `listen`; they and nobody else must send a PROXY header."
    )
    trusted_relays: tuple[Network, ...] = Field(
        (),
        description="Networks of your own mail relays before `listen`; what they wrote about a mail's way is believed. "
        "Each must add a Received field.",
    )
    authserv_id: str = Field(
        "",
        description="The name under which they write Authentication-Results, which they must strip from mail that "
        "comes in; empty: senders are authenticated here.",
    )
    max_size: int = Field(25 * 1024 * 1024, ge=65_536, description="Bytes of the largest mail taken (SIZE, 552).")
    max_connections: int = Field(500, ge=1, description="Sessions at the same time; more are answered 421.")
    max_connections_per_client: int = Field(
        50, ge=1, description="Sessions at the same time from one address, or one /64 of IPv6."
    )
    max_in_flight: int = Field(
        256 * 1024 * 1024, ge=65_536, description="Bytes of mail that come in at the same time; more is answered 452."
    )
    max_recipients: int = Field(50, ge=1, description="Recipients of one mail; more are answered 452.")
    max_mails_per_token: int = Field(
        60, ge=0, description="Mails an hour to one reply or bounce address; more are answered 450. 0: any number."
    )
    max_bytes_per_token: int = Field(
        200 * 1024 * 1024,
        ge=0,
        description="Bytes of mail a day to one reply or bounce address; more are answered 450. 0: any number.",
    )
    max_mails_per_client: int = Field(
        3_000,
        ge=0,
        description="Mails an hour from one address, or one /64 of IPv6; more are answered 450. 0: any number. LMTP, "
        "trusted_relays and this machine are not counted.",
    )
    max_commands: int = Field(1_000, ge=20, description="Commands of one session without a delivered mail.")
    idle_timeout: int = Field(300, ge=1, description="Seconds of silence after which a session ends (421).")
    data_timeout: int = Field(600, ge=1, description="Seconds that one mail may take to come in (421).")
    tls_cert: OptionalFile = Field(None, description="PEM file with the certificate chain; switches STARTTLS on.")
    tls_key: OptionalFile = Field(None, description="PEM file with the certificate's key.")

    @model_validator(mode="after")
    def _check_room(self) -> "SmtpSection":
        if self.max_in_flight < self.max_size:
            raise ValueError("max_in_flight must be at least max_size, or the largest mails never come in")
        if 0 < self.max_bytes_per_token < self.max_size:
            raise ValueError("max_bytes_per_token must be at least max_size, or the largest mails never come in")
        return self

    @model_validator(mode="after")
    def _check_authserv(self) -> "SmtpSection":
        if self.authserv_id and not self.trusted_relays:
            raise ValueError("authserv_id needs trusted_relays: whoever connects could write that name")
        return self


class MailSection(Section):
    """What our mail looks like and where answers go."""

    reply_domain: Domain = Field("cases.localhost", description="The domain of reply and bounce addresses (its MX).")
    from_name: str = Field("Cases", description="The name behind `via` in From.")
    from_address: Annotated[str, AfterValidator(_mail_address)] = Field(
        "", description="The address in From; empty means cases@<reply_domain>."
    )
    gmail_actions: bool = Field(
        False,
        description="Gmail shows a button that opens the case beside the subject. Register with Google first; it needs "
        "https in public_url and a DKIM key.",
    )
    operator_address: Annotated[str, AfterValidator(_mail_address)] = Field(
        "", description="Who runs this gateway and is mailed about held mail and alarms; empty: nobody is."
    )
    dkim_selector: Annotated[str, AfterValidator(lambda value: value and _domain(value))] = Field(
        "", description="The selector under which the public half of dkim_key_file stands in the DNS."
    )
    dkim_key_file: OptionalFile = Field(
        None, description="PEM file of the key that signs for the domain of from_address: casegate dkim create."
    )
    operator_relay: Annotated[SecretStr, AfterValidator(_optional_relay_url)] = Field(
        SecretStr(""),
        description="A relay of its own for mail to the operator, so that he hears when the others do not work; a url "
        "as of [[relay]]; empty: it goes by those.",
    )
    arc_sealers: tuple[Domain, ...] = Field(
        (), description="Domains (d=) of forwarders and lists whose ARC seals are believed about mail they changed."
    )

    @field_validator("operator_address")
    @classmethod
    def _check_operator(cls, value: str, info: ValidationInfo) -> str:
        """HARDENING rule 24: an address of our own would have us write to ourselves."""
        if value and value.rpartition("@")[2] == info.data.get("reply_domain"):
            raise ValueError("it is in reply_domain, this gateway's own: give the address of a person")
        return value

    @model_validator(mode="after")
    def _check_dkim(self) -> "MailSection":
        if bool(self.dkim_selector) != bool(self.dkim_key_file):
            raise ValueError("dkim_selector and dkim_key_file are needed both, or none of them")
        return self


class DkimSection(Section):
    """A further key that signs outgoing mail: a second one of the same domain, or that of a store's own domain."""

    domain: Domain = Field(description="The domain of From that the key speaks for.", examples=["shop.example.org"])
    selector: Domain = Field(
        description="The selector under which its public half stands in the DNS.", examples=["cg202611"]
    )
    key_file: Path = Field(
        description="PEM file, RSA of 2048 bits or more, or Ed25519.",
        examples=[Path("data/dkim/shop.example.org.cg202611.pem")],
    )


class DnsSection(Section):
    """Where senders' domains are asked about."""

    server: Annotated[str, AfterValidator(_name_server)] = Field(
        "", description="address:port of a name server, for example 127.0.0.1:53; empty means the system's."
    )
    timeout: float = Field(4.0, gt=0, le=60, description="Seconds for one look-up, all tries counted.")


class RelaySection(Section):
    """One relay for outgoing mail. They are used in the order in which they stand in the file."""

    url: Annotated[SecretStr, AfterValidator(_relay_url)] = Field(
        SecretStr("smtp://127.0.0.1:25"),
        description="smtp://user:password@host:port or smtps://…; ?starttls=require insists on encryption.",
    )
    rate_per_minute: int = Field(
        0, ge=0, le=1_000_000, description="Mails that it is handed in any 60 seconds, at most; 0: any number."
    )
    password_file: OptionalFile = Field(
        None, description="File with the password, in place of the one in url; read for each connection."
    )
    oauth_token_file: OptionalFile = Field(
        None, description="File with an access token (XOAUTH2), which somebody else renews; read for each connection."
    )
    ca_file: OptionalFile = Field(
        None, description="PEM file with the authorities of a private relay, in place of those that the system knows."
    )

    @property
    def target(self) -> Target:
        """The relay and how to sign in to it. Raises ValueError when the keys do not fit together."""
        return read_url(self.url.get_secret_value()).with_files(
            password_file=self.password_file, oauth_token_file=self.oauth_token_file, ca_file=self.ca_file
        )

    @model_validator(mode="after")
    def _check_target(self) -> "RelaySection":
        _ = self.target
        return self


class OutboundSection(Section):
    """Mail that goes out, whichever relay takes it: how fast it goes to one domain, and how long it is kept."""

    domain_rate_per_minute: int = Field(
        0, ge=0, le=1_000_000, description="Mails to any one domain in any 60 seconds, at most; 0: any number."
    )
    domain_rates: dict[Domain, Rate] = Field(
        {}, description='The same for certain domains, as { "mail.example.org" = 60 }.'
    )
    retention_days: int = Field(
        90, ge=0, le=36_500, description="Days that the bytes of a mail stay after it was made and sent; 0: for ever."
    )

    def domain_rate(self, domain: str) -> int:
        """Mails a minute to a domain in lower case; 0: any number."""
        return self.domain_rates.get(domain, self.domain_rate_per_minute)


class DatabaseSection(Section):
    """Where rows live."""

    url: Annotated[str, _url("sqlite")] = Field(
        "", description="sqlite:///path/to/file.db; empty means casegate.db in data_dir."
    )


class QueueSection(Section):
    """Where wakes wait. Losing the queue loses nothing."""

    url: Annotated[str, _url("sqlite")] = Field(
        "", description="sqlite:///path/to/file.db; empty means queue.db in data_dir."
    )


class FilesSection(Section):
    """Where attachments and large mails live, and which are taken."""

    url: Annotated[str, _url("file")] = Field("", description="file:///path/to/folder; empty means files in data_dir.")
    max_per_message: int = Field(5, ge=1, le=5, description="Files of one message; the rest of a mail's is set aside.")
    max_bytes: int = Field(
        5 * 1024 * 1024, ge=1_024, le=5 * 1024 * 1024, description="Bytes of the largest file taken from a mail."
    )
    retention_days: int = Field(
        90, ge=0, le=36_500, description="Days that the bytes of a done, not held mail stay; 0: for ever."
    )
    clamd: Annotated[str, AfterValidator(_clamd_url)] = Field(
        "", description="tcp://host:port or unix:///path/to/socket of clamd, which scans every file; empty: none does."
    )


class HooksSection(Section):
    """Calls of the platform."""

    secrets: tuple[SecretStr, ...] = Field(
        (), description="Standard Webhooks secrets (whsec_…); any of them may sign. Empty: made by the first run."
    )


class ProvidersSection(Section):
    """Mail providers that hand mail over by HTTPS (docs/providers.md). Each is off while its key or topic is empty."""

    mailgun_signing_key: SecretStr = Field(
        SecretStr(""), description="The account's HTTP webhook signing key; switches /inbound/mailgun/mime on."
    )
    sendgrid_public_key: str = Field(
        "", description="Base64, the public key of the signature policy; switches /inbound/sendgrid on."
    )
    sendgrid_secret: PathSecret = Field(
        SecretStr(""), description="Switches /inbound/sendgrid/<secret> on, for calls that are not signed."
    )
    sendgrid_networks: tuple[Network, ...] = Field((), description="Where calls that are not signed may come from.")
    postmark_secret: PathSecret = Field(
        SecretStr(""), description="20 or more of A-Z a-z 0-9 - _; switches /inbound/postmark/<secret> on."
    )
    postmark_networks: tuple[Network, ...] = Field((), description="Where Postmark's calls may come from.")
    ses_topic_arn: Annotated[str, AfterValidator(_topic_arn)] = Field(
        "", description="arn:aws:sns:<region>:<account>:<topic> that SES publishes to; switches /inbound/ses on."
    )

    @model_validator(mode="after")
    def _check_networks(self) -> "ProvidersSection":
        """A secret that stands in a URL is not enough by itself (HARDENING rule 23)."""
        for name in ("sendgrid", "postmark"):
            if getattr(self, f"{name}_secret").get_secret_value() and not getattr(self, f"{name}_networks"):
                raise ValueError(f"{name}_secret needs {name}_networks: the networks that the calls come from")
        return self


class TokensSection(Section):
    """Keys of reply addresses."""

    keys: tuple[Annotated[SecretStr, AfterValidator(_token_key)], ...] = Field(
        (), description="id:base64 of 32 bytes or more; the last one signs, all verify. Empty: made by the first run."
    )


class CasesSection(Section):
    """Defaults of every store."""

    auto_close_days: int = Field(14, ge=0, description="Days without an answer of the customer; 0 never closes.")
    warn_days: int = Field(2, ge=0, description="Days between the warning and the closing; 0 sends no warning.")
    new_case_url: Annotated[str, _url("http", "https")] = Field(
        "",
        description="Where customers open a new case, for those who come back too late; empty: they are told in words.",
    )
    retention_days: int = Field(
        0, ge=0, le=36_500, description="Days after its closing when what was said on a case is erased; 0: never."
    )


class SupportSection(Section):
    """How platform support appears to both sides."""

    name: str = Field("Support Team", min_length=1, description="The name that stands on every message of support.")
    address: Annotated[str, AfterValidator(_mail_address)] = Field(
        "", description="Where support is mailed when it is called in; empty: it is not mailed, an alarm tells of it."
    )
    repeated_cases: int = Field(
        3, ge=0, le=100, description="So many unresolved or reopened cases of one customer or order; 0: no signal."
    )
    repeated_days: int = Field(30, ge=1, le=3_650, description="Days within which those count.")
    silent_hours: int = Field(
        0, ge=0, le=8_760, description="Hours of a merchant's silence on a HIGH or URGENT case; 0: no signal."
    )


class CanarySection(Section):
    """A mail to ourselves, out through the relay and back through the front door: /readyz says when it is missing."""

    every_minutes: int = Field(0, ge=0, le=1_440, description="Minutes between two of them; 0 sends none.")


class Config(BaseSettings):
    """Every setting. `load` makes one."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix="CASEGATE_",
        env_nested_delimiter="__",
        validate_default=True,
        hide_input_in_errors=True,  # some of it is secret
    )

    gateway: GatewaySection = GatewaySection()
    http: HttpSection = HttpSection()
    smtp: SmtpSection = SmtpSection()
    mail: MailSection = MailSection()
    dkim: tuple[DkimSection, ...] = ()
    dns: DnsSection = DnsSection()
    relay: tuple[RelaySection, ...] = (RelaySection(),)
    outbound: OutboundSection = OutboundSection()
    database: DatabaseSection = DatabaseSection()
    queue: QueueSection = QueueSection()
    files: FilesSection = FilesSection()
    hooks: HooksSection = HooksSection()
    providers: ProvidersSection = ProvidersSection()
    tokens: TokensSection = TokensSection()
    cases: CasesSection = CasesSection()
    support: SupportSection = SupportSection()
    canary: CanarySection = CanarySection()

    @model_validator(mode="after")
    def _check_relays(self) -> "Config":
        """Rates, alarms and the outbox know a relay by host and port."""
        names = [one.target.name for one in self.relay]
        if self.operator_relay is not None:
            names.append(self.operator_relay.name)
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{name} is named twice among [[relay]] and mail.operator_relay: once is enough")
        return self

    @property
    def operator_relay(self) -> Target | None:
        """The operator's own relay, if there is one."""
        url = self.mail.operator_relay.get_secret_value()
        return read_url(url) if url else None

    @property
    def database_url(self) -> str:
        """The database, with the default filled in."""
        return self.database.url or f"sqlite:///{self.gateway.data_dir / 'casegate.db'}"

    @property
    def name_server(self) -> tuple[str, int] | None:
        """IP address and port of the name server; None: the system's."""
        address, _, port = self.dns.server.rpartition(":")
        return (address.strip("[]"), int(port)) if address else None

    @property
    def queue_url(self) -> str:
        """The queue, with the default filled in."""
        return self.queue.url or f"sqlite:///{self.gateway.data_dir / 'queue.db'}"

    @property
    def files_dir(self) -> Path:
        """The folder of files, with the default filled in."""
        return Path(urlsplit(self.files.url).path) if self.files.url else self.gateway.data_dir / "files"

    @property
    def ledger_file(self) -> Path:
        """What must stay undone after a restore (`store.ledger`)."""
        return self.gateway.data_dir / "ledger.jsonl"

    @property
    def from_address(self) -> str:
        """The address in From, with the default filled in."""
        return self.mail.from_address or f"cases@{self.mail.reply_domain}"


def load(path: Path | None = None) -> Config:
    """Read the settings. path: a TOML file that must exist; None reads `config.toml` when there is one.

    Raises Invalid with one problem for each key that is wrong.
    """
    file = path or Path("config.toml")
    if path is not None and not path.is_file():
        raise Invalid((Problem("", f"{path} does not exist; leave --config out to run on the defaults"),))

    class Sources(Config):
        """The settings of one file: the environment first, then the file."""

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return EnvSettingsSource(settings_cls), TomlConfigSettingsSource(settings_cls, toml_file=file)

    try:
        return Sources()
    except tomllib.TOMLDecodeError as error:
        raise Invalid((Problem("", f"{file} is not valid TOML: {error}"),)) from error
    except SettingsError as error:
        raise Invalid((Problem("", f"{error}: lists are written as JSON in the environment"),)) from error
    except ValidationError as error:
        raise Invalid(tuple(_problem(tuple(e["loc"]), e["type"], e["msg"]) for e in error.errors())) from error


def _problem(location: tuple[int | str, ...], kind: str, text: str) -> Problem:
    path = ".".join(str(step) for step in location)
    if kind == "extra_forbidden":
        known = _known_keys(location[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, n=1)
        return Problem(path, f"there is no such key; did you mean {near[0]}?" if near else _listing(known))
    if kind == "missing":
        return Problem(path, "it is missing")
    if kind == "tuple_type" and len(location) == 1:
        return Problem(path, f"write [[{path}]] in double brackets: there may be several of them")
    return Problem(path, text.removeprefix("Value error, "))


def _listing(known: list[str]) -> str:
    return f"there is no such key; known here: {', '.join(known)}"


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand below a path such as ("relay", 0)."""
    if not location:
        return list(Config.model_fields)
    return list(_section(str(location[0])).model_fields)


def _section(name: str) -> type[Section]:
    annotation: Any = Config.model_fields[name].annotation
    section: type[Section] = next(iter(get_args(annotation)), annotation)  # of a repeated one: `tuple[Section, ...]`
    return section


def document() -> str:
    """The text of `config.toml`: every section and key with its documentation and its default, commented out.

    A key without a default, which a section that may be left out can have, is shown with an example.
    """
    lines = [
        "# Casegate's settings. Every key has a working default, shown here commented out.",
        "# Any key can also be given in the environment: CASEGATE_SECTION__KEY (lists as JSON).",
        "# This file is written from the fields in gateway/config.py: `casegate config > config.toml`.",
    ]
    for name, info in Config.model_fields.items():
        section, repeated = _section(name), isinstance(info.default, tuple)
        lines += ["", f"# {(section.__doc__ or '').strip()}", f"# [[{name}]]" if repeated else f"[{name}]"]
        for key, field in section.model_fields.items():
            shown = (field.examples or [None])[0] if field.is_required() else field.default
            lines += [f"# {field.description}", f"# {key} = {_toml(shown)}"]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if value is None:
        return '""'
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return json.dumps(list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value)
