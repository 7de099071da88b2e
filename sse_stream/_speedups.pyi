from typing_extensions import Buffer, disjoint_base

from .items import Item

@disjoint_base
class Parser:
    def __init__(
        self,
        *,
        last_event_id: str = "",
        done: str | None = "[DONE]",
        max_event_size: int | None = 67108864,
    ) -> None: ...
    @property
    def last_event_id(self) -> str: ...
    @property
    def retry(self) -> int | None: ...
    @property
    def incomplete(self) -> bool: ...
    def feed(self, data: Buffer) -> list[Item]: ...
    def close(self, *, flush: bool = False) -> list[Item]: ...
