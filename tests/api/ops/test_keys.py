"""API keys: shown once, kept as hashes, taken back at once."""

import stat
import subprocess
from pathlib import Path

import pytest

from dateline.api import keys
from dateline.api.access import Access, Scope
from dateline.api.keys import UnknownKey
from dateline.api.problems import Unauthorized
from dateline.api.settings import InvalidSetting, Settings
from tests.api.ops.asking import command, environment, run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_a_key_is_kept_as_its_hash(path: Path) -> None:
    key, token = keys.add(path, "record", "desk")

    assert [key] == list(keys.read(path))
    assert token not in path.read_text()
    assert token.rpartition("_")[2] not in path.read_text()
    assert key.sha256 == keys.hash_of(token)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["keys.json"]


def test_a_key_has_256_random_bits(path: Path) -> None:
    tokens = {keys.add(path, "read")[1] for _ in range(3)}

    assert len(tokens) == 3
    assert all(len(token.split("_", 2)[2]) == 43 for token in tokens)


@pytest.mark.parametrize("scope", list(Scope))
def test_a_caller_is_told_by_a_key(path: Path, scope: Scope) -> None:
    _, token = keys.add(path, scope, "desk")
    access = Access(Settings(keys=path))

    assert access.is_on
    assert access.caller(f"Bearer {token}") == ("desk", scope)
    assert access.caller(f"bearer  {token}") == ("desk", scope)


def test_a_key_without_a_name_is_named_by_its_id(path: Path) -> None:
    key, _ = keys.add(path, "read")

    assert key.name == key.id


@pytest.mark.parametrize(
    "authorization",
    [
        *(None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer nonsense"),
        *("Bearer dl_", "Bearer dl__", "Bearer dl_000000000000_x", "Bearer a.b.c"),
        "Bearer \udcff",
    ],
)
def test_what_is_no_key_is_refused(path: Path, authorization: str | None) -> None:
    keys.add(path, "admin")
    access = Access(Settings(keys=path))

    with pytest.raises(Unauthorized):
        access.caller(authorization)


def test_a_key_with_another_secret_is_refused(path: Path) -> None:
    _, token = keys.add(path, "admin")
    _, other = keys.add(path, "admin")
    mixed = token.rpartition("_")[0] + "_" + other.split("_", 2)[2]
    access = Access(Settings(keys=path))

    with pytest.raises(Unauthorized):
        access.caller(f"Bearer {mixed}")
    with pytest.raises(Unauthorized):
        access.caller(f"Bearer {token[:-1]}")


def test_a_change_of_the_file_is_noticed(path: Path) -> None:
    first, token = keys.add(path, "read", "first")
    access = Access(Settings(keys=path))
    _, later = keys.add(path, "read", "later")

    assert access.caller(f"Bearer {later}").name == "later"
    keys.revoke(path, first.id)
    with pytest.raises(Unauthorized):
        access.caller(f"Bearer {token}")
    assert access.caller(f"Bearer {later}").name == "later"


@pytest.mark.parametrize("harm", ["gone", "garbled"])
def test_a_file_that_cannot_be_read_any_more_holds_no_key(
    path: Path, harm: str
) -> None:
    _, token = keys.add(path, "read")
    access = Access(Settings(keys=path))
    kept = path.read_bytes()
    path.unlink() if harm == "gone" else path.write_text("[{")

    with pytest.raises(Unauthorized):
        access.caller(f"Bearer {token}")
    path.write_bytes(kept + b" ")
    assert access.caller(f"Bearer {token}").scope == "read"


@pytest.mark.parametrize("content", ["", "{}", '[{"id": "x"}]', "Dear diary"])
def test_a_file_of_something_else_is_refused_and_left_alone(
    path: Path, content: str
) -> None:
    path.write_text(content)

    with pytest.raises(InvalidSetting):
        Access(Settings(keys=path))
    with pytest.raises(InvalidSetting):
        keys.add(path, "read")
    assert path.read_text() == content


def test_a_file_that_is_not_there_is_refused(path: Path) -> None:
    with pytest.raises(InvalidSetting, match="dateline keys add"):
        Access(Settings(keys=path))


@pytest.mark.parametrize(
    ("scope", "name"),
    [("write", "desk"), ("read", ""), ("read", "x" * 129), ("read", "a\nb")],
)
def test_a_key_that_cannot_be_is_refused(path: Path, scope: str, name: str) -> None:
    with pytest.raises(InvalidSetting):
        keys.add(path, scope, name)
    assert not path.exists()


def test_revoking_what_is_not_there_is_refused(path: Path) -> None:
    keys.add(path, "read")

    with pytest.raises(UnknownKey):
        keys.revoke(path, "000000000000")
    assert len(keys.read(path)) == 1


def test_a_link_to_the_file_stays_a_link(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(path)

    keys.add(link, "read")

    assert link.is_symlink()
    assert len(keys.read(path)) == 1


@pytest.mark.slow
def test_processes_that_add_at_once_lose_no_key(path: Path) -> None:
    words = command("keys", "add", "--scope", "read", "--keys", path)
    running = [
        subprocess.Popen(
            words,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(6)
    ]
    tokens = [process.communicate()[0].strip() for process in running]

    access = Access(Settings(keys=path))
    assert len(set(tokens)) == len(keys.read(path)) == 6
    assert all(access.caller(f"Bearer {token}") for token in tokens)


@pytest.mark.slow
def test_the_commands_make_list_and_revoke(path: Path) -> None:
    added = run("keys", "add", "--scope", "record", "--name", "desk", "--keys", path)
    token = added.stdout.strip()
    id = token.split("_")[1]

    assert (added.returncode, added.stdout) == (0, f"{token}\n")
    assert "not shown again" in added.stderr
    listed = run("keys", "list", DATELINE_KEYS=str(path))
    assert listed.stdout.split()[:2] == [id, "record"]
    assert token not in listed.stdout
    revoked = run("keys", "revoke", id, "--keys", path)
    assert (revoked.returncode, revoked.stderr) == (0, "")
    assert run("keys", "list", "--keys", path).stdout == ""
    again = run("keys", "revoke", id, "--keys", path)
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr.startswith("dateline: unknown_key: ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("add",), "usage_error"),
        (("add", "--scope", "write"), "invalid_setting"),
        (("add", "--scope", "read", "--keys", "nowhere/keys.json"), "invalid_setting"),
        (("list", "--keys", "nowhere.json"), "invalid_setting"),
        (("revoke",), "usage_error"),
        (("shred",), "usage_error"),
    ],
)
def test_what_a_caller_gets_wrong_is_one_sentence(
    tmp_path: Path, words: tuple[str, ...], code: str
) -> None:
    done = run("keys", *words, DATELINE_KEYS=str(tmp_path / "keys.json"))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"dateline: {code}: ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
