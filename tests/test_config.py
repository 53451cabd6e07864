"""The settings: where a value comes from, and that every mistake is told at once."""

import traceback
from pathlib import Path
from typing import Any, get_args

import pytest

from gateway.config import Config, DkimSection, document, load
from gateway.errors import Invalid

ROOT = Path(__file__).parent.parent


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def problems(file: Path) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        load(file)
    return {problem.field: problem.text for problem in caught.value.problems}


def test_the_file_at_the_root_is_fresh() -> None:
    assert (ROOT / "config.toml").read_text() == document(), "write it again: casegate config > config.toml"


def test_the_documented_file_changes_nothing(file: Path) -> None:
    file.write_text(document())
    assert load(file).model_dump() == Config().model_dump()


def test_every_default_in_the_document_can_be_taken_as_it_stands(file: Path) -> None:
    lines = [line.removeprefix("# ") for line in document().splitlines()]
    settings = [
        line for line in lines if line.startswith("[") or (" = " in line and line.partition(" = ")[0].isidentifier())
    ]
    file.write_text("\n".join(settings))
    (key,) = load(file).dkim  # the one section whose keys have examples instead of defaults
    assert key == DkimSection(
        domain="shop.example.org", selector="cg202611", key_file=Path("data/dkim/shop.example.org.cg202611.pem")
    )
    assert load(file).model_dump() == Config(dkim=(key,)).model_dump()


def test_every_key_is_documented() -> None:
    for name, info in Config.model_fields.items():
        annotation: Any = info.annotation
        section = get_args(annotation)[0] if isinstance(info.default, tuple) else annotation
        assert section.__doc__, name
        for key, field in section.model_fields.items():
            assert field.description, f"{name}.{key}"


def test_the_environment_wins_over_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('[mail]\nreply_domain = "file.example.org"\nfrom_name = "File"\n')
    monkeypatch.setenv("CASEGATE_MAIL__REPLY_DOMAIN", "Environment.example.org.")
    monkeypatch.setenv("CASEGATE_RELAY", '[{"url": "smtps://user:pa55word@relay.example.org"}]')
    config = load(file)
    assert config.mail.reply_domain == "environment.example.org"
    assert config.mail.from_name == "File"
    assert config.relay[0].url.get_secret_value() == "smtps://user:pa55word@relay.example.org"
    assert "pa55word" not in repr(config)


def test_five_mistakes_are_five_problems(file: Path) -> None:
    file.write_text(
        '[gateway]\npublic_url = "cases.example.org"\n[http]\nlisten = "8080"\n'
        '[smtp]\nmax_size = 10\n[mail]\nrepy_domain = "cases.example.org"\n[tokens]\nkeys = ["1:c2hvcnQ="]\n'
    )
    found = problems(file)
    assert found.keys() == {"gateway.public_url", "http.listen", "smtp.max_size", "mail.repy_domain", "tokens.keys.0"}
    assert found["mail.repy_domain"] == "there is no such key; did you mean reply_domain?"
    assert "127.0.0.1:2525" in found["http.listen"]


def test_a_key_like_no_other_names_those_that_exist(file: Path) -> None:
    file.write_text("[cases]\nzzz = 1\n")
    assert problems(file) == {
        "cases.zzz": "there is no such key; known here: auto_close_days, warn_days, new_case_url, retention_days"
    }


def test_a_section_that_does_not_exist(file: Path) -> None:
    file.write_text("[hook]\nx = 1\n")
    assert problems(file) == {"hook": "there is no such key; did you mean hooks?"}


@pytest.mark.parametrize("url", ["relay.example.org", "http://relay.example.org", "smtp://"])
def test_a_relay_has_a_scheme_and_a_host(file: Path, url: str) -> None:
    file.write_text(f'[[relay]]\nurl = "{url}"\n')
    assert problems(file).keys() == {"relay.0.url"}


@pytest.mark.parametrize("url", ["smtp://user:s3c/ret@relay.example.org", "smtps://u:s3cret@relay.example.org/x"])
def test_a_password_in_a_wrong_url_is_shown_nowhere(file: Path, url: str) -> None:
    file.write_text(f'[[relay]]\nurl = "{url}"\n')
    with pytest.raises(Invalid) as caught:
        load(file)
    assert "s3c" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ('url = "smtp://u:p@relay.example.org"\npassword_file = "p"', "one secret is enough"),
        ('url = "smtp://u@relay.example.org"\npassword_file = "p"\noauth_token_file = "t"', "one secret is enough"),
        ('url = "smtp://relay.example.org"\noauth_token_file = "t"', "url needs the user name"),
        ('url = "smtp://relay.example.org"\nca_file = "ca.pem"', "ca_file checks nothing yet"),
    ],
)
def test_keys_of_a_relay_that_do_not_fit_together(file: Path, lines: str, text: str) -> None:
    file.write_text(f"[[relay]]\n{lines}\n")
    [(key, said)] = problems(file).items()
    assert key == "relay.0"
    assert said.startswith(text)


def test_how_a_relay_is_reached(file: Path) -> None:
    url = "smtp://u%40x@relay.example.org:587?starttls=require"
    file.write_text(f'[[relay]]\nurl = "{url}"\npassword_file = "p"\noauth_token_file = ""\nca_file = "ca.pem"\n')
    target = load(file).relay[0].target
    assert (target.name, target.username, target.checked) == ("relay.example.org:587", "u@x", True)
    assert (target.password_file, target.oauth_token_file, target.ca_file) == (Path("p"), None, Path("ca.pem"))


def test_a_repeated_section_in_single_brackets_is_told_how_to_write_it(file: Path) -> None:
    file.write_text('[relay]\nurl = "smtp://relay.example.org"')
    with pytest.raises(Invalid) as caught:
        load(file)
    assert [(p.field, p.text) for p in caught.value.problems] == [
        ("relay", "write [[relay]] in double brackets: there may be several of them")
    ]


def test_a_file_that_is_not_there_or_no_toml(file: Path) -> None:
    assert "does not exist" in problems(file)[""]
    file.write_text("reply_domain: cases.example.org")
    assert "not valid TOML" in problems(file)[""]


def test_a_list_in_the_environment_that_is_no_json(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    file.touch()
    monkeypatch.setenv("CASEGATE_RELAY", "smtp://relay.example.org")
    assert "JSON" in problems(file)[""]


def test_what_is_left_out_is_derived(file: Path, tmp_path: Path) -> None:
    file.write_text(f'[gateway]\ndata_dir = "{tmp_path}"\n[mail]\nreply_domain = "cases.example.org"\n')
    config = load(file)
    assert config.database_url == f"sqlite:///{tmp_path}/casegate.db"
    assert config.queue_url == f"sqlite:///{tmp_path}/queue.db"
    assert config.files_dir == tmp_path / "files"
    assert config.from_address == "cases@cases.example.org"


def test_relays_are_believed_by_address_and_name(file: Path) -> None:
    file.write_text(
        '[smtp]\ntrusted_relays = ["10.1.0.0/16", "2001:db8::25"]\nauthserv_id = "mx.example.org"\n'
        '[mail]\narc_sealers = ["Lists.Example.org"]\n[dns]\nserver = "[::1]:5353"\n'
    )
    config = load(file)
    assert [str(network) for network in config.smtp.trusted_relays] == ["10.1.0.0/16", "2001:db8::25/128"]
    assert config.mail.arc_sealers == ("lists.example.org",)
    assert config.name_server == ("::1", 5353)
    assert Config().name_server is None


@pytest.mark.parametrize(
    ("text", "field", "problem"),
    [
        ('[smtp]\nauthserv_id = "mx.example.org"\n', "smtp", "authserv_id needs trusted_relays"),
        ('[smtp]\ntrusted_relays = ["mx.example.org"]\n', "smtp.trusted_relays.0", "write an address or a network"),
        ('[dns]\nserver = "ns.example.org:53"\n', "dns.server", "write address:port"),
        ('[dns]\nserver = "127.0.0.1"\n', "dns.server", "write"),
        ("[dns]\ntimeout = 0\n", "dns.timeout", "greater than 0"),
    ],
)
def test_what_would_believe_nobody_or_anybody_is_refused(file: Path, text: str, field: str, problem: str) -> None:
    file.write_text(text)
    assert problem in problems(file)[field]


def test_a_key_that_signs_is_given_whole(file: Path) -> None:
    file.write_text('[[dkim]]\nselector = "one"\n[mail]\ndkim_selector = "one"\nfrom_address = "Cases"\n')
    found = problems(file)
    assert found["dkim.0.domain"] == found["dkim.0.key_file"] == "it is missing"
    assert "write an address" in found["mail.from_address"]
    file.write_text('[mail]\ndkim_selector = "one"\n')
    assert "both" in problems(file)["mail"]
    file.write_text('[mail]\nreply_domain = "b\u00fccher.example.org"\n')
    assert "xn--" in problems(file)["mail.reply_domain"]


def test_the_operator_has_an_address_elsewhere(file: Path) -> None:
    """HARDENING rule 24: mail to ourselves would come in again."""
    file.write_text('[mail]\nreply_domain = "cases.example.org"\noperator_address = "Ann.Lee+gate@Example.org"\n')
    assert load(file).mail.operator_address == "Ann.Lee+gate@example.org"
    assert Config().mail.operator_address == ""


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("operator", "write an address"),
        ("operator@", "write a domain name"),
        ("@example.org", "write an address"),
        ("a b@example.org", "write an address"),
        ("<a@example.org>", "write an address"),
        ("a@example.org, b@example.org", "write an address"),
        ("a,b@example.org", "write an address"),
        ("operator@Cases.Example.org", "this gateway's own"),
    ],
)
def test_an_operator_who_cannot_be_mailed_is_refused(file: Path, address: str, problem: str) -> None:
    file.write_text(f'[mail]\nreply_domain = "cases.example.org"\noperator_address = "{address}"\n')
    assert problem in problems(file)["mail.operator_address"]


def test_rates_of_domains_are_a_table_with_a_default(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(
        '[outbound]\ndomain_rate_per_minute = 300\ndomain_rates = { "Mail.Example.org" = 60, "a.test" = 0 }\n'
    )
    outbound = load(file).outbound
    assert [outbound.domain_rate(domain) for domain in ("mail.example.org", "a.test", "b.test")] == [60, 0, 300]
    monkeypatch.setenv("CASEGATE_OUTBOUND__DOMAIN_RATES", '{"b.test": 5}')
    outbound = load(file).outbound
    assert [outbound.domain_rate(domain) for domain in ("mail.example.org", "b.test", "c.test")] == [60, 5, 300]


def test_a_rate_is_a_number_and_a_domain_a_domain(file: Path) -> None:
    file.write_text(
        '[outbound]\ndomain_rates = { "mail.example.org" = -1, "not a domain" = 5 }\n'
        '[[relay]]\nurl = "smtp://relay.example.org"\nrate_per_minute = -5\n'
    )
    found = problems(file)
    assert {"outbound.domain_rates.mail.example.org", "relay.0.rate_per_minute"} <= found.keys()
    assert any("write a domain name" in text for text in found.values())


@pytest.mark.parametrize(
    "text",
    [
        '[[relay]]\nurl = "smtp://relay.example.org"\n[[relay]]\nurl = "smtp://user:pa55word@relay.example.org:25"\n',
        '[[relay]]\nurl = "smtp://relay.example.org"\n[mail]\noperator_relay = "smtp://relay.example.org"\n',
    ],
    ids=["two relays", "the operator's"],
)
def test_a_relay_is_named_once(file: Path, text: str) -> None:
    file.write_text(text)
    (problem,) = problems(file).values()
    assert problem == "relay.example.org:25 is named twice among [[relay]] and mail.operator_relay: once is enough"


def test_the_operators_relay_is_a_relay_or_none(file: Path) -> None:
    assert Config().operator_relay is None
    file.write_text('[mail]\noperator_relay = "smtps://user:pa55word@other.example.com"\n')
    config = load(file)
    assert config.operator_relay is not None
    assert (config.operator_relay.name, "pa55word" in repr(config)) == ("other.example.com:465", False)
    file.write_text('[mail]\noperator_relay = "other.example.com"\n')
    assert problems(file).keys() == {"mail.operator_relay"}
