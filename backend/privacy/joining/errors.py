"""NotACourier 404, NumberDiffers 409, CourierOfAnother 409."""

from backend.kit.problems import Conflict, NotFound

__all__ = ["CourierOfAnother", "NotACourier", "NumberDiffers"]


class NotACourier(NotFound):
    """The session is none of a courier's link."""

    code = "not-a-courier"
    remedy = "Open the link that the company has sent, and name the session that it began."


class NumberDiffers(Conflict):
    """The company's link went to another number than the one that you log in with."""

    code = "number-differs"
    remedy = "Have the company name your present number, or move your account to the other one."


class CourierOfAnother(Conflict):
    """The courier of this number belongs to the account of somebody who had it before."""

    code = "courier-of-another"
    remedy = "Have the company remove the worker; once no company names the number, it may name it anew."
