"""A ledger that a server keeps, asked over the network as if it were a file.

Needs the extra ``client`` and is not imported with ``dateline`` before somebody asks
for ``dateline.Client``.
"""

try:
    from dateline.client.client import Client
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] not in ("httpx", "httpx_sse", "tenacity"):
        raise
    raise ImportError(
        f"dateline.Client needs {error.name}, which is not installed; install the "
        "extra: pip install 'dateline[client]'"
    ) from error

__all__ = ["Client"]
