"""How many links companies have sent to couriers' telephones: by number, by range of numbers and by company.

A company names any number that it likes, and each gets a message in the deployment's name, at the deployment's cost.
"""

from uuid import UUID

from backend.accounts.limits import range_of
from backend.kit.crypto import keyed_hash
from backend.kit.rates.limiter import Quota

__all__ = ["COMPANY", "MILLION", "NUMBER", "TEN_THOUSAND", "link_budgets"]

# One window for all of them, or the time to wait would tell a company that others have written to a number.
_DAY_S = 86_400
# Whoever works for several companies, one of which repeats itself; more is somebody's telephone that is rung up.
NUMBER = Quota("courier-links-1", 10, _DAY_S)
# A fleet's numbers often follow each other: a company with hundreds of couriers in one range stays below. Whoever earns
# from messages to ranges that he holds does not.
TEN_THOUSAND, MILLION = Quota("courier-links-4", 1_000, _DAY_S), Quota("courier-links-6", 10_000, _DAY_S)
# As much as one bulk request holds. Only links are counted: naming again who has answered sends none.
COMPANY = Quota("courier-links", 10_000, _DAY_S)


def link_budgets(phone: str, *, partner_id: UUID, pepper: bytes) -> list[tuple[Quota, str]]:
    """What a company's link to this number is counted against; the most shared ones last.

    Args:
        phone: E.164.
        partner_id: the company.
        pepper: keys the hashes of the number and its ranges.
    """
    return [
        (NUMBER, keyed_hash(pepper, "courier-link", phone).hex()),
        (TEN_THOUSAND, range_of(phone, 4, pepper=pepper)),
        (COMPANY, str(partner_id)),
        (MILLION, range_of(phone, 6, pepper=pepper)),
    ]
