"""Who calls the Store API: bearer tokens of a store and their scopes (CONTRACT §2)."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Path
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway.cases.model import Actor, Door, Role
from gateway.errors import BadCredential, Forbidden, NotFound, Unauthenticated
from gateway.web.backend import Behind
from store.credentials import Credential

ID_PATTERN = r"^[A-Za-z0-9_-]{12,48}$"  # CONTRACT §1: ids in paths and queries have 12 to 48 characters

StoreId = Annotated[str, Path(alias="storeId", pattern=ID_PATTERN, examples=["shp_01jt9x3f6n5m2k8q4w7z0b1c"])]

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    bearerFormat="sk_…",
    description="A token of the store, made with `casegate token create`. Scopes: CASES_READ, CASES_WRITE.",
)


def _credential(behind: Behind, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Credential:
    if given is None:
        raise Unauthenticated("Say who is calling: Authorization: Bearer sk_…")
    credential = behind.find_token(given.credentials)
    if credential is None:
        raise BadCredential("This token is not valid; it may have been replaced or revoked")
    return credential


def _with_scope(scope: str) -> Callable[[str, Credential], Actor]:
    """A dependency: the caller as an actor who reaches one store."""

    def actor(store_id: StoreId, credential: Annotated[Credential, Depends(_credential)]) -> Actor:
        if credential.store_id != store_id:
            # The same answer for a store that does not exist: a token is no means to find out about others.
            raise NotFound("There is no such store")
        if scope not in credential.scopes:
            raise Forbidden(f"This token lacks the scope {scope}")
        return Actor(Role.MERCHANT, Door.API, id=credential.id, name=credential.name, store_id=credential.store_id)

    return actor


Reader = Annotated[Actor, Depends(_with_scope("CASES_READ"))]
Writer = Annotated[Actor, Depends(_with_scope("CASES_WRITE"))]
