"""Phone numbers in one form: E.164."""

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from backend.accounts.errors import PhoneInvalid

__all__ = ["parse"]

# Not landlines, and not premium numbers, on which messages earn money for whoever asked for them.
_REACHABLE = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})


def parse(text: str, region: str = "CN") -> str:
    """The number as E.164, such as ``+8613800138000``.

    Args:
        text: as people type it, with or without country code.
        region: ISO 3166 country whose numbers are written without country code.

    Raises:
        PhoneInvalid: it is no number, or not one of a mobile phone.
    """
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        raise PhoneInvalid from None
    if number.extension or not phonenumbers.is_valid_number(number):
        raise PhoneInvalid
    if phonenumbers.number_type(number) not in _REACHABLE:
        raise PhoneInvalid
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
