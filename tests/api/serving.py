"""A real server over a ledger, in a thread of the test's process."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from dateline import Ledger
from dateline.api import Settings, create_app


@contextmanager
def serving(ledger: Ledger, **settings: Any) -> Iterator[str]:
    """Serve a ledger on a free port, unless one is set; yield the server's URL."""
    app = create_app(ledger, Settings(**settings))
    with running(app, settings.get("port", 0)) as url:
        try:
            yield url
        finally:
            app.state.services.hub.close()
            if app.state.services.replica is not None:
                app.state.services.replica.close()


@contextmanager
def running(app: Any, port: int = 0) -> Iterator[str]:
    """Serve an application; yield the server's URL."""
    config = uvicorn.Config(  # without its log_config, which stays for later tests
        app, port=port, log_config=None, access_log=False, lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    (listening,) = server.servers
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
