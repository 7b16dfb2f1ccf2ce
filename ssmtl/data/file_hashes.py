"""Hashes of files' contents: each version of a file is hashed once, in this process or an earlier one of this user."""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ssmtl.data.cache_folder import cache_folder
from ssmtl.data.file_state import FileState
from ssmtl.data.hash_store import Known, add_hashes, read_hashes, store_of


class FileHashes:
    """What is known in this process."""

    def __init__(self) -> None:
        self._anew = False
        self._differing: set[str] = set()
        self._known: dict[str, Known] = {}
        self._read: dict[Path, FileState] = {}
        self._lasting: set[str] = set()
        self._asked: set[str] = set()
        self._new = False

    def of(self, path: str, read: Callable[[], bytes]) -> str:
        """The hash (BLAKE2b) of the file's bytes.

        :param path: absolute. :param read: its content.
        :raises OSError: if there is no such file; also what `read` raises.
        """
        state = FileState.of(path)
        self._asked.add(path)
        known = self._known.get(path, ())
        same = (*known[1:],) == state
        if same and not self._anew:
            return str(known[0])
        began = time.time_ns()
        digest = hashlib.blake2b(read(), digest_size=16).hexdigest()
        if same and known[0] != digest:
            self._differing.add(path)
        self._lasting.discard(path)
        self._known[path] = digest, *state
        if state.settled(began) and FileState.of(path) == state:
            self._lasting.add(path)
            self._new = True
        return digest

    @contextmanager
    def stored(self, folders: Iterable[str]) -> Iterator[None]:
        """What earlier processes knew is known inside; what is new is stored at the end.

        :param folders: those of the files that will be asked for, absolute; one store is for all that is below them.
        """
        places = sorted(set(folders))
        store = store_of(_common(places), cache_folder()) if places else None
        if store is None:
            yield
            return
        self._learn(store)
        self._asked, self._new = set(), False
        yield
        if self._new:
            add_hashes(store, {path: self._known[path] for path in sorted(self._asked & self._lasting)})

    def _learn(self, store: Path) -> None:
        """What is stored, unless this process knows it from before; a store that did not change is read once."""
        try:
            state = FileState.of(str(store))
        except OSError:
            return
        if self._read.get(store) == state:
            return
        self._read[store] = state
        stored = read_hashes(store)
        self._lasting.update(stored.keys() - self._known.keys())
        self._known = {**stored, **self._known}

    @contextmanager
    def anew(self) -> Iterator[set[str]]:
        """Inside, files are hashed although their hashes are known.

        :returns: the files, by path, whose content is another one than was known, filled as they are hashed.
        """
        self._anew, self._differing = True, set()
        try:
            yield self._differing
        finally:
            self._anew = False


def _common(folders: Sequence[str]) -> str:
    """The folder that all of these are in; empty if there is none, as on two drives of Windows."""
    try:
        return os.path.commonpath(folders)
    except ValueError:
        return ""


FILE_HASHES = FileHashes()
"""Of this process."""
