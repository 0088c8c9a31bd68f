"""What the demo's phones and mailboxes have received, as the desk's inbox page reads it."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from dashboards.ports import Message


class InboxFile:
    """The same messages for the desk, newest first."""

    MOST = 300

    def __init__(self, path: Path) -> None:
        self._path = path

    def messages(self) -> Sequence[Message]:
        newest = lines(self._path)[: -self.MOST - 1 : -1]
        return [
            Message(
                at=datetime.fromisoformat(line["at"]),
                channel=line["channel"],
                to=line["to"],
                title=line["title"],
                text=line["text"],
            )
            for line in newest
        ]


def lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    # The last line may still be on its way.
    whole = path.read_text("utf-8").rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines()]
