"""What proves that somebody is who they are, beside what else they have."""

from itertools import combinations

from models.rules.reach import Reach
from models.rules.roles import CUSTOMER, ROLES, is_beyond_customer
from models.rules.scopes import Scope
from models.rules.sign_in_methods import ProofWay, proof_ways

STRONG = {ProofWay.TOTP, ProofWay.PASSKEY}


def test_a_password_is_a_proof_exactly_where_no_second_factor_is() -> None:
    for size in range(len(ProofWay) + 1):
        for held in combinations(ProofWay, size):
            found = proof_ways(held)
            assert set(found) <= set(held)
            is_strong = bool(STRONG & set(held))
            assert (ProofWay.PASSWORD in found) == (ProofWay.PASSWORD in held and not is_strong)
            wanted = ProofWay.RECOVERY_CODE in held and is_strong
            assert (ProofWay.RECOVERY_CODE in found) == wanted
            assert STRONG & set(found) == STRONG & set(held)


def test_the_best_way_comes_first() -> None:
    assert proof_ways(list(ProofWay)) == (
        ProofWay.PASSKEY,
        ProofWay.TOTP,
        ProofWay.RECOVERY_CODE,
        ProofWay.PROVIDER,
    )


def test_all_roles_but_the_customers_may_more_than_a_customer() -> None:
    beyond = {name for name, role in ROLES.items() if is_beyond_customer(role.scopes, role.reach)}

    assert beyond == ROLES.keys() - {CUSTOMER}
    assert not is_beyond_customer(frozenset({Scope.LINK_READ}), Reach.OWN)
    assert is_beyond_customer(frozenset({Scope.LINK_READ}), Reach.ORGANIZATION)
    assert is_beyond_customer(frozenset({Scope.AUDIT_READ}), Reach.OWN)
