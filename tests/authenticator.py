"""A passkey in software: what a device would answer, byte for byte, and what a forger would.

Source: W3C Web Authentication Level 2, sections 5.8.1, 6.1 and 6.5; RFC 9052 for the key.
"""

import json
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from struct import pack

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256

from models.rules.base64url import to_base64url
from models.rules.passkeys import Assertion, Attestation

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40
ORIGIN = "https://portal.test"
RP_ID = "portal.test"


@dataclass(kw_only=True)
class Authenticator:
    """One passkey on one device. Change an attribute to forge that part.

    Attributes:
        count: signatures so far; -1 is a device that does not count and says 0.
        flags: what the device says it saw of the person.
    """

    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    origin: str = ORIGIN
    rp_id: str = RP_ID
    flags: int = PRESENT | VERIFIED
    count: int = 0
    cross_origin: bool = False
    create_type: str = "webauthn.create"
    get_type: str = "webauthn.get"
    user_handle: str = ""
    format: str = "none"

    @property
    def id(self) -> str:
        """Of the credential, as browsers write it."""
        return to_base64url(self.credential_id)

    def attest(self, challenge: str) -> Attestation:
        """Answer `navigator.credentials.create` with a challenge in base64url."""
        made = bytes(16) + pack(">H", len(self.credential_id)) + self.credential_id + self._cose()
        data = self._data(self.flags | ATTESTED) + made
        attestation = (
            b"\xa3"
            + (_text("fmt") + _text(self.format))
            + (_text("attStmt") + b"\xa0")
            + (_text("authData") + b"\x59" + pack(">H", len(data)) + data)
        )
        return Attestation(
            credential_id=self.id,
            client_data=to_base64url(self._client(self.create_type, challenge)),
            attestation=to_base64url(attestation),
        )

    def answer(self, challenge: str) -> Assertion:
        """Answer `navigator.credentials.get` with a challenge in base64url."""
        if self.count >= 0:
            self.count += 1
        data, client = self._data(self.flags), self._client(self.get_type, challenge)
        signature = self.key.sign(data + sha256(client).digest(), ECDSA(SHA256()))
        return Assertion(
            credential_id=self.id,
            client_data=to_base64url(client),
            authenticator_data=to_base64url(data),
            signature=to_base64url(signature),
            user_handle=self.user_handle,
        )

    def _client(self, kind: str, challenge: str) -> bytes:
        told = {"type": kind, "challenge": challenge, "origin": self.origin}
        return json.dumps({**told, "crossOrigin": self.cross_origin}).encode()

    def _data(self, flags: int) -> bytes:
        return sha256(self.rp_id.encode()).digest() + pack(">BI", flags, max(self.count, 0))

    def _cose(self) -> bytes:
        """Return the public key: a map of kty EC2, alg ES256, crv P-256, x and y."""
        point = self.key.public_key().public_numbers()
        x, y = point.x.to_bytes(32), point.y.to_bytes(32)
        return b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20" + x + b"\x22\x58\x20" + y


def _text(text: str) -> bytes:
    return bytes([0x60 + len(text)]) + text.encode()
