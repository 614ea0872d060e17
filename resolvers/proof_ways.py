"""By what a signed-in person can prove anew who they are."""

from models.rules.sign_in_methods import ProofWay, proof_ways
from models.second_factors import Identity, Passkey, RecoveryCode, Totp
from models.users import User
from resolvers.context import RequestContext
from resolvers.local_passwords import password_of


async def ways_of(context: RequestContext, user_id: int) -> tuple[ProofWay, ...]:
    """Return the ways of a person, the best first; empty if only a new sign-in will do."""
    user = await User.get(id=user_id).select_related("role")
    identities = Identity.filter(user_id=user_id)
    issuer = context.ports.access.provider_issuer
    is_in_directory = (
        context.ports.directory is not None and await identities.exclude(login="").exists()
    )
    held = {
        ProofWay.PASSWORD: password_of(context, user) is not None or is_in_directory,
        ProofWay.TOTP: await Totp.exists(user_id=user_id, confirmed_at__isnull=False),
        ProofWay.PASSKEY: await Passkey.exists(user_id=user_id),
        ProofWay.RECOVERY_CODE: await RecoveryCode.exists(user_id=user_id, used_at=None),
        ProofWay.PROVIDER: bool(issuer) and await identities.filter(issuer=issuer).exists(),
    }
    return proof_ways([way for way, has in held.items() if has])
