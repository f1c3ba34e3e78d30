"""What other processes do to a registry while a server has it open."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from registry.server.database import open_database


def change(data: Path, work: Callable[[Any], Any]) -> Any:
    """Change the database of a server that runs, as a command in another process does."""

    async def run() -> Any:
        database = open_database(data / "registry.db")
        try:
            return await database.write(work)
        finally:
            database.close()

    return asyncio.run(run())
