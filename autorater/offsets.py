"""Key → file offset in a few bytes a key, so that the index of a log of a million calls stays small."""

from array import array

_EMPTY = 2**64 - 1


class Offsets:
    """A hash table from 256-bit keys (64 hexadecimal digits) to offsets; the last offset set for a key wins.

    Keys are held by their first 64 bits: whoever reads at the offset checks the whole key, and a clash of two prefixes
    (once in 10¹¹ logs of a million calls) is an error there, never a wrong answer.
    """

    def __init__(self) -> None:
        self._prefixes = array("Q", [_EMPTY]) * 1024
        self._offsets = array("Q", [0]) * 1024
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def get(self, key: str) -> int | None:
        """The offset of `key`, or None."""
        return self.at(int(key[:16], 16))

    def at(self, prefix: int) -> int | None:
        """The offset of the keys whose first 64 bits are `prefix`, or None."""
        prefixes = self._prefixes
        mask = len(prefixes) - 1
        place = prefix & mask
        while (found := prefixes[place]) != _EMPTY:
            if found == prefix:
                return self._offsets[place]
            place = (place + 1) & mask
        return None

    def set(self, key: str, offset: int) -> None:
        """Remember `offset` for `key`."""
        self.put(int(key[:16], 16), offset)

    def put(self, prefix: int, offset: int) -> None:
        """Remember `offset` for the keys whose first 64 bits are `prefix`."""
        prefixes = self._prefixes
        mask = len(prefixes) - 1
        place = prefix & mask
        while (found := prefixes[place]) != prefix:
            if found == _EMPTY:
                prefixes[place] = prefix
                self._used += 1
                break
            place = (place + 1) & mask
        self._offsets[place] = offset
        if self._used * 5 > len(prefixes) * 4:
            self._grow()

    def _grow(self) -> None:
        old = self._prefixes, self._offsets
        size = len(self._prefixes) * 2
        self._prefixes, self._offsets, self._used = array("Q", [_EMPTY]) * size, array("Q", [0]) * size, 0
        for prefix, offset in zip(*old, strict=True):
            if prefix != _EMPTY:
                self.put(prefix, offset)


class Index:
    """Where the last event of each kind and key stands. An item's `requested` and `judged` share one place.

    Of an item that is judged, only the judgment is found.
    """

    def __init__(self) -> None:
        self._tables: dict[str, Offsets] = {}
        self._items = Offsets()
        """Item → twice the offset, and one more when it is that of the judgment."""
        self._judged = 0
        self._again: dict[int, int] = {}
        """Items that were requested again (in logs that were joined) → the offset of the second time."""

    def note(self, kind: str, prefix: int, offset: int) -> None:
        """Remember an event of this kind and key (by its first 64 bits)."""
        if kind == "requested":
            before = self._items.at(prefix)
            if before is None:
                self._items.put(prefix, 2 * offset)
            else:
                self._again.setdefault(prefix, offset)
        elif kind == "judged":
            before = self._items.at(prefix)
            self._judged += before is None or not before & 1
            self._items.put(prefix, 2 * offset + 1)
        else:
            if kind not in self._tables:
                self._tables[kind] = Offsets()
            self._tables[kind].put(prefix, offset)

    def find(self, kind: str, key: str) -> int | None:
        """The offset of the last event of this kind and key, or None."""
        if kind not in ("requested", "judged"):
            return self._tables[kind].get(key) if kind in self._tables else None
        told = self._items.get(key)
        return told >> 1 if told is not None and bool(told & 1) == (kind == "judged") else None

    def has(self, kind: str, key: str) -> bool:
        """Whether there is an event of this kind and key."""
        return self._items.get(key) is not None if kind == "requested" else self.find(kind, key) is not None

    def count(self, kind: str) -> int:
        """How many different keys of this kind there are."""
        if kind in ("requested", "judged"):
            return self._judged if kind == "judged" else len(self._items)
        return len(self._tables[kind]) if kind in self._tables else 0

    def repeats(self, key: str, offset: int) -> bool:
        """Whether the request at `offset` was taken up before: logs that were joined may hold an item twice."""
        return bool(self._again) and self._again.get(int(key[:16], 16), offset + 1) <= offset
