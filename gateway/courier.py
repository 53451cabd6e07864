"""Mail that changes no case: composed outside of the transaction, queued inside the caller's."""

from collections.abc import Callable
from datetime import datetime

from gateway.cases.model import Participant
from gateway.cases.notices import Letter, Notice, Template
from gateway.errors import NotFound
from gateway.outbound.compose import Composer, OutgoingMail
from gateway.outbound.telling import Scene
from store import cases, outbox, validity


class Courier:
    """Composes mails to one person. What a method returns queues the mail; run it in the writer."""

    def __init__(self, composer: Composer, now: Callable[[], datetime]) -> None:
        self._composer = composer
        self._now = now

    def notice(self, notice: Notice) -> Callable[[], None]:
        """A mail to a participant about his case. Whoever is no participant any more gets it all the same, once."""
        person, now = notice.to, self._now()
        file = cases.load(person.case_id)
        if file is None:
            raise NotFound("There is no such case")
        mail = self._composer.compose(notice, Scene(file.store, file.view, (), ()), now)

        def job() -> None:
            contact = cases.contact(person.id)  # as his thread is by now: a posting may have gone on with it
            # Whose access is over gets this last mail all the same.
            known = contact.person if contact and person.active else None
            queue(mail, known, None, now, validity.condition(notice.valid, file.view.case))

        return job

    def letter(self, letter: Letter) -> Callable[[], None]:
        """A mail outside of all cases."""
        now = self._now()
        mail = self._composer.compose_letter(letter, now)

        def job() -> None:
            queue(mail, None, None, now)

        return job


def queue(
    mail: OutgoingMail, person: Participant | None, message_id: str | None, now: datetime, valid_while: str = ""
) -> int:
    """Write one outgoing mail, and note it in its recipient's thread. Runs in the writer. Returns its id.

    person: whose access is looked at again before it is sent; None for somebody who is on no case. valid_while: see
    `store.validity`.
    """
    if person is not None:
        cases.extend_thread(person, mail.rfc_message_id)
    return outbox.insert(
        outbox.NewMail(
            handle=mail.handle,
            case_id=mail.participant.case_id if mail.participant else "",
            participant_id=person.id if person else None,
            generation=person.generation if person else 0,
            message_id=message_id,
            template=mail.template,
            recipient=mail.recipient,
            envelope_from=mail.envelope_from,
            rfc_message_id=mail.rfc_message_id,
            subject=mail.subject,
            data=mail.data,
            route=outbox.OPERATOR if mail.template is Template.ALARM else "",
            valid_while=valid_while,
        ),
        now,
    )
