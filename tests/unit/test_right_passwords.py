"""What a process remembers of right passwords."""

from resolvers.right_passwords import RightPasswords

STORED = "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA"


def test_a_password_is_known_with_its_own_hash_alone_and_in_every_form() -> None:
    right = RightPasswords()
    right.note("Пароль сайта", STORED)

    assert right.knows("Пароль сайта".replace("й", "и\u0306"), STORED)
    assert not right.knows("Пароль Сайта", STORED)
    assert not right.knows("Пароль сайта", STORED.replace("c2Fs", "c2Ft"))
    assert not RightPasswords().knows("Пароль сайта", STORED)


def test_what_was_not_used_for_longest_is_forgotten() -> None:
    right = RightPasswords(most=2)
    for word in ("first", "second"):
        right.note(word, STORED)
    assert right.knows("first", STORED)
    right.note("third", STORED)

    assert [right.knows(word, STORED) for word in ("first", "second", "third")] == [
        True,
        False,
        True,
    ]
