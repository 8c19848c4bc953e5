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

    def _place(self, prefix: int) -> int:
        mask = len(self._prefixes) - 1
        place = prefix & mask
        while self._prefixes[place] not in (prefix, _EMPTY):
            place = (place + 1) & mask
        return place

    def get(self, key: str) -> int | None:
        """The offset of `key`, or None."""
        place = self._place(int(key[:16], 16))
        return None if self._prefixes[place] == _EMPTY else self._offsets[place]

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
        if self._used * 10 > len(prefixes) * 7:
            self._grow()

    def _grow(self) -> None:
        old = self._prefixes, self._offsets
        size = len(self._prefixes) * 2
        self._prefixes, self._offsets, self._used = array("Q", [_EMPTY]) * size, array("Q", [0]) * size, 0
        for prefix, offset in zip(*old, strict=True):
            if prefix != _EMPTY:
                self.put(prefix, offset)
