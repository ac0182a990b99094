"""Settings: the same names for constructor, environment and flags; one table."""

import pytest

from dateline.api.settings import InvalidSetting, Settings, variable_of
from dateline.domain.errors import MissingExtra
from tests.api.ops.pages import GENERATED, PAGE, settings_table


def test_the_page_of_settings_is_what_the_model_says() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert GENERATED + page.partition(GENERATED)[2] == settings_table()


def test_each_setting_is_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATELINE_PORT", "8080")
    monkeypatch.setenv("DATELINE_CORS_ORIGINS", "https://a.example, https://b.example")
    monkeypatch.setenv("DATELINE_IDE", "true")
    monkeypatch.setenv("DATELINE_KEYS", "")

    settings = Settings()

    assert settings.port == 8080
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.ide is True
    assert settings.keys is None


def test_an_argument_wins_over_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATELINE_PORT", "8080")

    assert Settings(port=9).port == 9


BAD = {
    "port": ("99999", "http", "-1", "1.5"),
    "max_body_bytes": ("0", "-5", "ten"),
    "header_seconds": ("0", "inf", "nan"),
    "insecure": ("perhaps",),
    "log_format": ("xml",),
    "log_level": ("loud",),
    "allowed_hosts": ("http://a.example", "a b", "*.*"),
    "cors_origins": ("a.example", "https://a.example/path"),
    "jwt_algorithms": ("none", "RS256,NONE", ","),
    "rate_limit": ("lots", "0/second", "5/fortnight", "5"),
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, bad in BAD.items() for value in bad]
)
def test_a_bad_value_is_one_sentence_that_names_the_setting(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable_of(name), value)

    with pytest.raises(InvalidSetting) as caught:
        Settings()

    sentence = str(caught.value)
    assert caught.value.code == "invalid_setting"
    assert name in sentence
    assert variable_of(name) in sentence
    assert "\n" not in sentence


def test_a_setting_that_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="no setting 'prot'"):
        Settings.model_validate({"prot": 8000})


def test_an_extra_that_is_missing_is_named() -> None:
    error = MissingExtra("telemetry", "otel")

    assert str(error) == "'telemetry' needs the extra 'otel'; install 'dateline[otel]'"
    assert error.code == "missing_extra"
