"""DeliveryNotFound 404, the rest 409."""

from backend.kit.problems import Conflict, NotFound

__all__ = [
    "DeliveryAnnounced",
    "DeliveryNotFound",
    "DeliveryUnexpected",
    "DeliveryWindowApart",
    "TooManyDeliveries",
]


class DeliveryNotFound(NotFound):
    """There is no such delivery among yours."""

    code = "delivery-not-found"
    remedy = "Take the id from the list or from the answer in which it was made."


class DeliveryUnexpected(Conflict):
    """Nobody at this community expects this order of yours."""

    code = "delivery-unexpected"
    remedy = "Ask the recipient to announce the order under your company's name, or send a courier on shift there."


class DeliveryWindowApart(Conflict):
    """The recipient expects the order at another time."""

    code = "delivery-window-apart"
    remedy = "Choose a window that overlaps the one agreed with the recipient."


class DeliveryAnnounced(Conflict):
    """This home already expects this order, at another time."""

    code = "delivery-announced"
    remedy = "Cancel the announcement and make it again with the new window."


class TooManyDeliveries(Conflict):
    """This home expects as many deliveries as it may."""

    code = "too-many-deliveries"
    remedy = "Cancel one that no longer comes."
