"""The providers that the settings name, as routes."""

from collections.abc import Callable, Iterator
from datetime import datetime

from fastapi import APIRouter

from gateway.config import Config
from gateway.errors import Invalid, Problem
from gateway.inbound.keep import Intake
from gateway.web.providers.door import Entrance, Provider
from gateway.web.providers.mailgun import Mailgun
from gateway.web.providers.origin import SecretPath
from gateway.web.providers.postmark import Postmark
from gateway.web.providers.public_keys import P256Key, p256_key
from gateway.web.providers.sendgrid import SignedSendGrid, UnsignedSendGrid
from gateway.web.providers.ses import Ses, fetch_certificate


def make_router(
    config: Config,
    intake: Intake,
    *,
    now: Callable[[], datetime],
    fetch: Callable[[str], bytes] = fetch_certificate,
) -> APIRouter:
    """Raises Invalid. fetch: the bytes of Amazon's certificate, given its address."""
    entrance = Entrance(intake, largest=config.smtp.max_size, now=now)
    return entrance.router(_providers(config, fetch))


def _providers(config: Config, fetch: Callable[[str], bytes]) -> Iterator[Provider]:
    settings, proxies = config.providers, config.http.proxy_from
    if key := settings.mailgun_signing_key.get_secret_value():
        # Mailgun itself sends raw mail to the second one only.
        yield from (Mailgun(key, path) for path in ("/mailgun", "/mailgun/mime"))
    if settings.sendgrid_public_key:
        yield SignedSendGrid(_sendgrid_key(settings.sendgrid_public_key))
    if secret := settings.sendgrid_secret.get_secret_value():
        yield UnsignedSendGrid(SecretPath("sendgrid", secret, settings.sendgrid_networks, proxies))
    if secret := settings.postmark_secret.get_secret_value():
        yield Postmark(SecretPath("postmark", secret, settings.postmark_networks, proxies))
    if settings.ses_topic_arn:
        yield Ses(settings.ses_topic_arn, fetch)


def _sendgrid_key(text: str) -> P256Key:
    try:
        return p256_key(text)
    except ValueError as error:
        problem = f"{error}; write the base64 text that SendGrid shows as the public key of the policy"
        raise Invalid((Problem("providers.sendgrid_public_key", problem),)) from error
