"""Variables that are no settings, and what they may mean."""

from api.settings import Settings
from api.unknown_settings import warnings_about


def test_a_misspelt_variable_is_told_with_the_closest_setting() -> None:
    told = list(
        warnings_about(
            ["LINKYARD_REDIS_ULR", "PATH", "LINKYARD_BIND", "LINKYARD_BINDS", "LINKYARD_ZZZ"]
        )
    )

    assert told == [
        "LINKYARD_BINDS is no setting and changes nothing: did you mean LINKYARD_BIND?",
        "LINKYARD_REDIS_ULR is no setting and changes nothing: did you mean LINKYARD_REDIS_URL?",
        "LINKYARD_ZZZ is no setting and changes nothing: README.md has the table.",
    ]


def test_every_setting_is_known_in_any_case() -> None:
    names = [f"LINKYARD_{name.upper()}" for name in Settings.model_fields]

    assert list(warnings_about([*names, *map(str.lower, names)])) == []
