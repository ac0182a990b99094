"""The page on the fan-out shows what happens, beside a private server of NATS."""

from pathlib import Path

from tests.jetstream.servers import server
from tests.services import has_command, require
from tests.test_docs import ON_NATS, Stage, examples, unexecuted

NATS = "127.0.0.1:4222"
"""Where the page says that NATS is."""
UNEXECUTED = {"sh": 1}


def test_what_the_page_shows_is_what_happens(tmp_path: Path) -> None:
    require("curl", has_command("curl"))
    lines = ON_NATS.read_text(encoding="utf-8").splitlines()
    folder = tmp_path / "desk"
    folder.mkdir()
    with server(tmp_path) as nats:
        stage = Stage(folder)
        stage.stands_for |= {NATS: nats.url.removeprefix("nats://")}
        for example in examples(lines, stage):
            if not example.is_so:
                assert example.happened == example.shown, example.lines.start


def test_almost_every_block_is_run() -> None:
    assert unexecuted([ON_NATS]) == UNEXECUTED
