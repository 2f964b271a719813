"""Which of a person's templates a community can go by. Pure."""

from collections.abc import Sequence

from backend.enrolment.models.repository import PacksRow
from backend.enrolment.templates.repository import TemplateRow

__all__ = ["fits", "is_usable"]


def fits(template: TemplateRow, packs: PacksRow) -> bool:
    """Whether the community's gates may be given it as a person's only template.

    After a change only what is of the pack changed to; where there has been none, what the enrolment was completed
    with.
    """
    return template.pack == packs.own if packs.own is not None else not template.renewed


def is_usable(template: TemplateRow, communities: Sequence[PacksRow]) -> bool:
    """Whether any of the person's communities can go by it now, or will when its change ends.

    Somebody whom no community knows at present keeps all: which one will know him next, nobody can tell.
    """
    return not communities or any(fits(template, packs) or template.pack == packs.coming for packs in communities)
