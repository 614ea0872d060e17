"""What makes a passkey's answer good. Source: W3C Web Authentication Level 2, section 7.

The package webauthn reads and checks the answers. What is ours: where passkeys hold,
that the person was verified and not only present, that no frame of another site asked,
and that an answer of any shape is refused and never fails.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self
from urllib.parse import urlsplit

from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import parse_attestation_object, parse_client_data_json
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    RegistrationCredential,
)

from models.errors import PasskeyRefusedError
from models.rules.base64url import from_base64url, to_base64url
from models.rules.hosts import normal_host, split_port

CHALLENGE_BYTES: Final = 32
MAX_CREDENTIAL_BYTES: Final = 1023  # section 4, "Credential ID"
MAX_ANSWER_LENGTH: Final = 16_384  # characters of one part; real ones have some hundreds
ALGORITHMS: Final = (  # the best first
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
)
_FORMATS: Final = frozenset({"none", "packed"})  # all that a browser sends when none is asked for
_HANDLE_BYTES: Final = 8


class Transport(StrEnum):
    """How a browser reaches an authenticator. Stored by value; never renamed or reused."""

    USB = "usb"
    NFC = "nfc"
    BLE = "ble"
    SMART_CARD = "smart-card"
    HYBRID = "hybrid"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Site:
    """Where passkeys hold: on the portal's address of the settings, whatever a request says.

    Attributes:
        rp_id: the host alone.
        origin: scheme, host and port, as browsers write them.
        name: shown by the browser.
    """

    rp_id: str
    origin: str
    name: str

    @classmethod
    def of(cls, public_url: str, *, name: str) -> Self:
        """Return the site of a portal's address."""
        parts = urlsplit(public_url)
        host, _ = split_port(normal_host(parts.netloc) or "")
        own = {"http": 80, "https": 443}[parts.scheme]
        port = parts.port or own
        shown = host if port == own else f"{host}:{port}"
        return cls(rp_id=host, origin=f"{parts.scheme}://{shown}", name=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """What is kept of a passkey; both are base64url."""

    credential_id: str
    public_key: str
    sign_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """A browser's answer to `navigator.credentials.create`; all in base64url."""

    credential_id: str
    client_data: str
    attestation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """A browser's answer to `navigator.credentials.get`; all in base64url."""

    credential_id: str
    client_data: str
    authenticator_data: str
    signature: str
    user_handle: str


def handle_of(user_id: int) -> str:
    """Return the name of a person that authenticators keep, in base64url."""
    return to_base64url(user_id.to_bytes(_HANDLE_BYTES))


def check_attestation(answer: Attestation, *, challenge: bytes, site: Site) -> NewKey:
    """Return what to keep of a new passkey.

    Raises:
        PasskeyRefusedError: anything about the answer is wrong.
    """
    raw_id, client_data = _read(answer.credential_id), _read(answer.client_data)
    attestation = _read(answer.attestation)
    if not 0 < len(raw_id) <= MAX_CREDENTIAL_BYTES:
        raise PasskeyRefusedError
    credential = RegistrationCredential(
        id=answer.credential_id,
        raw_id=raw_id,
        response=AuthenticatorAttestationResponse(client_data, attestation),
    )
    try:
        _refuse_frames(client_data)
        _refuse_formats(attestation)
        found = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=True,
            supported_pub_key_algs=list(ALGORITHMS),
        )
    except Exception as error:  # the package fails in many ways on made-up bytes
        raise PasskeyRefusedError from error
    if found.credential_id != raw_id:
        raise PasskeyRefusedError
    return NewKey(
        credential_id=answer.credential_id,
        public_key=to_base64url(found.credential_public_key),
        sign_count=found.sign_count,
    )


def check_assertion(answer: Assertion, *, challenge: bytes, site: Site, public_key: str) -> int:
    """Return the authenticator's counter of signatures, which is for the caller to compare.

    Raises:
        PasskeyRefusedError: anything about the answer is wrong.
    """
    raw_id, client_data = _read(answer.credential_id), _read(answer.client_data)
    response = AuthenticatorAssertionResponse(
        client_data, _read(answer.authenticator_data), _read(answer.signature)
    )
    try:
        _refuse_frames(client_data)
        found = verify_authentication_response(
            credential=AuthenticationCredential(answer.credential_id, raw_id, response),
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=_read(public_key),
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Exception as error:  # the package fails in many ways on made-up bytes
        raise PasskeyRefusedError from error
    return found.new_sign_count


def may_follow(count: int, known: int) -> bool:
    """Tell whether a counter goes on; one that went back was copied or replayed.

    Passkeys that are kept on several devices do not count: they always say 0.
    """
    return count > known or count == known == 0


def _refuse_frames(client_data: bytes) -> None:
    if parse_client_data_json(client_data).cross_origin:
        raise PasskeyRefusedError


def _refuse_formats(attestation: bytes) -> None:
    if parse_attestation_object(attestation).fmt not in _FORMATS:
        raise PasskeyRefusedError


def _read(text: str) -> bytes:
    value = from_base64url(text) if len(text) <= MAX_ANSWER_LENGTH else None
    if value is None:
        raise PasskeyRefusedError
    return value
