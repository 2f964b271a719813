"""The model packs of this gate: one to begin with, and during a change of models those that its people have besides.

Nothing here imports numpy; see :mod:`gate_sdk._recognition`.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from gate_sdk._recognition import Gallery, Recognition
from gate_sdk.errors import RecognitionMissingError

__all__ = ["Packs", "Searchable"]

_log = logging.getLogger("gate_sdk")


class Searchable(NamedTuple):
    """A loaded pack, and the templates of it that are gone by."""

    recognition: Recognition
    gallery: Gallery


class Packs:
    """Loads a pack when a roster first names it, in the thread that lays the roster out and never in a decision."""

    def __init__(self, first: Recognition, *others: Recognition, load: Callable[[str], Recognition] | None) -> None:
        """Begin with what is loaded; ``load`` gets a further pack by its id, ``None`` where there is no other."""
        self.first = first
        self._loaded = {one.pack: one for one in (first, *others)}
        self._load = load
        self._loading = threading.Lock()
        self._told: set[str] = set()

    @classmethod
    def open(
        cls,
        given: Sequence[Recognition],
        pack: str | None,
        named: frozenset[str],
        load: Callable[[str | None], Recognition],
    ) -> Packs:
        """Load what a gate begins with.

        Args:
            given: recognition of the vendor's own; then nothing is loaded.
            pack: id of the pack to begin with, ``None`` for the default one.
            named: the packs that the roster's people have templates of. Where ``pack`` is not installed, as after a
                change of models, one of these will do.
            load: loads a pack.

        Raises:
            RecognitionMissingError: there is none to begin with.
        """
        if given:
            return cls(*given, load=None)
        try:
            return cls(load(pack), load=load)
        except RecognitionMissingError:
            for name in sorted(named - {pack}):
                with contextlib.suppress(RecognitionMissingError):
                    return cls(load(name), load=load)
            raise

    @property
    def loaded(self) -> tuple[str, ...]:
        """Their ids, in their order."""
        return tuple(sorted(self._loaded))

    def of(self, names: Iterable[str]) -> dict[str, Recognition]:
        """Those of the packs that this gate has, by id. One that was installed meanwhile is found."""
        with self._loading:
            found = {name: self._get(name) for name in sorted(names)}
        return {name: one for name, one in found.items() if one is not None}

    def _get(self, name: str) -> Recognition | None:
        if name not in self._loaded and self._load is not None:
            try:
                self._loaded[name] = self._load(name)
            except RecognitionMissingError as error:
                if name not in self._told:
                    _log.warning("people have templates of pack %s, which cannot be used here: %s", name, error)
                self._told.add(name)
        return self._loaded.get(name)
