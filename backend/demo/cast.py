"""Whose photographs play whom: people to enrol with photos to show later, and strangers."""

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec

__all__ = ["ENROLLED", "PHOTOS_TO_ENROL", "STRANGERS", "Cast", "NotEnoughFaces", "Player", "choose_cast"]

PHOTOS_TO_ENROL = 3
ENROLLED = 56
FEWEST_ENROLLED = 8
STRANGERS = 100
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic"})


class NotEnoughFaces(Exception):
    """The folder holds too few people with enough photographs."""


class Player(msgspec.Struct, frozen=True):
    """One person and his photographs, in the order in which he tries to enrol with them. A stranger never does."""

    name: str
    photos: tuple[Path, ...]


class Cast(msgspec.Struct, frozen=True):
    """Everybody who appears. ``note`` says in a sentence what the pictures can and cannot show."""

    members: tuple[Player, ...]
    strangers: tuple[Player, ...]
    note: str


def choose_cast(folder: Path, *, seed: int) -> Cast:
    """Sample ``folder/person/photo.jpg``: who has more than three photographs may enrol, who has fewer is a stranger.

    The same folder and seed give the same cast.

    Raises:
        NotEnoughFaces: fewer than eight people have four photographs, or the folder is none.
    """
    if not folder.is_dir():
        raise NotEnoughFaces(f"{folder} is not a folder; give one with a folder of photographs for each person")
    people = {person.name: photos for person in _people(folder) if (photos := _photos(person))}
    able = sorted(name for name, photos in people.items() if len(photos) > PHOTOS_TO_ENROL)
    if len(able) < FEWEST_ENROLLED:
        raise NotEnoughFaces(
            f"{folder} has {len(able)} people with more than {PHOTOS_TO_ENROL} photographs; "
            f"{FEWEST_ENROLLED} are needed at least"
        )
    chance = random.Random(seed)  # noqa: S311 - a sample that can be repeated, not a secret
    members = chance.sample(able, min(ENROLLED, len(able)))
    others = sorted(set(people) - set(able)) or sorted(set(able) - set(members))
    strangers = chance.sample(others, min(STRANGERS, len(others)))
    return Cast(
        members=tuple(Player(name, tuple(chance.sample(people[name], len(people[name])))) for name in members),
        strangers=tuple(Player(name, (chance.choice(people[name]),)) for name in strangers),
        note=f"{len(members)} people to enrol with three photographs each and to be shown with others, "
        f"{len(strangers)} strangers, sampled from {len(people)} people with seed {seed}.",
    )


def _people(folder: Path) -> Iterator[Path]:
    return (entry for entry in folder.iterdir() if entry.is_dir())


def _photos(person: Path) -> list[Path]:
    return sorted(path for path in person.iterdir() if path.suffix.lower() in _SUFFIXES)
