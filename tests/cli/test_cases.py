"""`casegate case escalate`: an operator calls support into a case."""

from gateway.cases.model import Role
from store import audit, cases, outbox
from tests.cli.installation import CUSTOMER_ADDRESS, MERCHANT_ADDRESS, Installation

HELP = "help@platform.example.org"


def test_support_is_called_once_for_a_reason(installation: Installation) -> None:
    with installation.file.open("a") as file:
        file.write(f'[support]\naddress = "{HELP}"\n')
    case = installation.open_case()
    first = installation.casegate("case", "escalate", case.id, "--reason", "He asked for a person")
    again = installation.casegate("case", "escalate", case.id, "--reason", " He asked  for a person")
    assert first.status == again.status == 0
    assert HELP in first.out
    assert "nothing was done" in again.out
    with installation.parts():
        assert cases.load(case.id).view.case.escalated  # type: ignore[union-attr]
        mails = [(mail.recipient, mail.template) for mail in outbox.listing(limit=100)]
        (entry,) = (entry for entry in audit.listing(case_id=case.id) if entry.action == "case.escalated")
    assert mails.count((HELP, "support_called")) == 1
    assert {who for who, template in mails if template == "support_joined"} == {CUSTOMER_ADDRESS, MERCHANT_ADDRESS}
    assert (entry.role, entry.door) == (Role.SYSTEM, "command")
    assert "person" not in str(entry.detail)


def test_without_an_address_the_operator_is_told(installation: Installation) -> None:
    case = installation.open_case()
    assert "support.address is not set" in installation.casegate("case", "escalate", case.id, "--reason", "Look").out
    assert "support.address" in installation.casegate("alarm", "list").out


def test_a_case_and_a_reason_are_needed(installation: Installation) -> None:
    case = installation.open_case()
    assert "no such case" in installation.casegate("case", "escalate", "case_nobody", "--reason", "Look").err
    assert "--reason" in installation.casegate("case", "escalate", case.id, "--reason", " ").err
