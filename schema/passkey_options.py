"""What a browser is asked about passkeys: the options of WebAuthn, every part with its type.

Names are those of the browser's API and all bytes are base64url, so that
`PublicKeyCredential.parseCreationOptionsFromJSON` takes them as they are.
"""

from typing import Final, Self

import strawberry

from models.rules.passkeys import ALGORITHMS, Site
from models.second_factors import Passkey
from resolvers.passkey_sign_ins import PasskeyQuestion
from resolvers.passkeys import LIFE, PasskeyOffer

_PUBLIC_KEY: Final = "public-key"
_TIMEOUT_MS: Final = int(LIFE.total_seconds() * 1000)


@strawberry.type(description="The site that a passkey is for.")
class PasskeyParty:
    id: str = strawberry.field(description="Host of the portal.")
    name: str = strawberry.field(description="Of the portal, for people.")


@strawberry.type(description="The person that a passkey is for, as authenticators keep them.")
class PasskeyUser:
    id: str = strawberry.field(description="Opaque, base64url.")
    name: str = strawberry.field(description="The address.")
    display_name: str = strawberry.field(description="As the person wishes to be called.")


@strawberry.type(description="A kind of key that is taken.")
class PasskeyParameter:
    type: str = strawberry.field(description="Always `public-key`.")
    alg: int = strawberry.field(description="Number of the algorithm in IANA's COSE registry.")


@strawberry.type(description="A passkey that exists already.")
class PasskeyDescriptor:
    id: str = strawberry.field(description="Of the credential, base64url.")
    type: str = strawberry.field(description="Always `public-key`.")
    transports: list[str] = strawberry.field(
        description="How it was reached: `usb`, `nfc`, `ble`, `smart-card`, `hybrid`, `internal`."
    )

    @classmethod
    def of(cls, row: Passkey) -> Self:
        """Return the descriptor of a row."""
        return cls(id=row.credential_id, type=_PUBLIC_KEY, transports=row.transports.split())


@strawberry.type(description="What the authenticator must be able to do.")
class PasskeySelection:
    resident_key: str = strawberry.field(description="Always `required`: it finds the person.")
    require_resident_key: bool = strawberry.field(description="The same for older browsers.")
    user_verification: str = strawberry.field(
        description="Always `required`: a PIN, a finger or a face, so that it stands for both "
        "factors."
    )


@strawberry.type(
    description="Argument `publicKey` of `navigator.credentials.create`; bytes are base64url."
)
class PasskeyCreationOptions:
    challenge: str = strawberry.field(description="Good once and for five minutes.")
    rp: PasskeyParty = strawberry.field(description="This portal.")
    user: PasskeyUser = strawberry.field(description="The viewer.")
    pub_key_cred_params: list[PasskeyParameter] = strawberry.field(description="The best first.")
    timeout: int = strawberry.field(description="Milliseconds.")
    exclude_credentials: list[PasskeyDescriptor] = strawberry.field(
        description="The viewer's passkeys: no device needs two."
    )
    authenticator_selection: PasskeySelection = strawberry.field(description="What it must do.")
    attestation: str = strawberry.field(description="Always `none`: we do not ask who made it.")

    @classmethod
    def of(cls, offer: PasskeyOffer, site: Site) -> Self:
        """Return the options of an offer."""
        return cls(
            challenge=offer.challenge,
            rp=PasskeyParty(id=site.rp_id, name=site.name),
            user=PasskeyUser(id=offer.handle, name=offer.user.email, display_name=offer.user.name),
            pub_key_cred_params=[
                PasskeyParameter(type=_PUBLIC_KEY, alg=algorithm.value) for algorithm in ALGORITHMS
            ],
            timeout=_TIMEOUT_MS,
            exclude_credentials=[PasskeyDescriptor.of(row) for row in offer.known],
            authenticator_selection=PasskeySelection(
                resident_key="required", require_resident_key=True, user_verification="required"
            ),
            attestation="none",
        )


@strawberry.type(
    description="Argument `publicKey` of `navigator.credentials.get`; bytes are base64url."
)
class PasskeyRequestOptions:
    challenge: str = strawberry.field(description="Good once and for five minutes.")
    rp_id: str = strawberry.field(description="Host of the portal.")
    timeout: int = strawberry.field(description="Milliseconds.")
    user_verification: str = strawberry.field(description="Always `required`.")

    @classmethod
    def of(cls, question: PasskeyQuestion, site: Site) -> Self:
        """Return the options of a question."""
        return cls(
            challenge=question.challenge,
            rp_id=site.rp_id,
            timeout=_TIMEOUT_MS,
            user_verification="required",
        )
