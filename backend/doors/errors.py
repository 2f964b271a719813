"""What can be wrong about doors, schedules and emergencies."""

from backend.kit.problems import Conflict, NotFound, Unprocessable

__all__ = [
    "DoorExists",
    "DoorGroupExists",
    "DoorGroupInUse",
    "DoorGroupNotFound",
    "DoorGroupUnknown",
    "DoorInUse",
    "DoorNotFound",
    "EmergencyNotFound",
    "EmergencyOver",
    "HoursRepeated",
    "ScheduleExists",
    "ScheduleInUse",
    "ScheduleInvalid",
    "ScheduleNotFound",
    "ScheduleUnknown",
    "TooManyDoors",
]


class DoorNotFound(NotFound):
    """The community has no such door."""

    code = "door-not-found"
    remedy = "Take the id from the list of the community's doors."


class DoorExists(Conflict):
    """The community has a door of that name."""

    code = "door-exists"
    remedy = "Give it another name, or use the one that is there."


class DoorInUse(Conflict):
    """Gates stand at the door."""

    code = "door-in-use"
    remedy = "Put its gates at another door first."


class DoorGroupNotFound(NotFound):
    """The community has no such door group."""

    code = "door-group-not-found"
    remedy = "Take the id from the list of the community's door groups."


class DoorGroupUnknown(Unprocessable):
    """A door group that is named is not one of the community's, or none is named, or too many."""

    code = "door-group-unknown"
    remedy = "Name 1 to 16 of the community's door groups, or leave them out for every door."


class DoorGroupExists(Conflict):
    """The community has a door group of that name."""

    code = "door-group-exists"
    remedy = "Give it another name, or use the one that is there."


class DoorGroupInUse(Conflict):
    """Rights to enter are limited to the door group, or an emergency goes for it."""

    code = "door-group-in-use"
    remedy = "End or change the rights and emergencies that name it first; hours go with the group."


class TooManyDoors(Conflict):
    """The community has as many as it may have."""

    code = "too-many-doors"
    remedy = "Delete what is not used any more."


class ScheduleNotFound(NotFound):
    """The community has no such schedule."""

    code = "schedule-not-found"
    remedy = "Take the id from the list of the community's schedules."


class ScheduleUnknown(Unprocessable):
    """A schedule that is named is not one of the community's."""

    code = "schedule-unknown"
    remedy = "Take the id from the list of the community's schedules."


class ScheduleExists(Conflict):
    """The community has a schedule of that name."""

    code = "schedule-exists"
    remedy = "Give it another name, or change the one that is there."


class ScheduleInUse(Conflict):
    """Doors go by the schedule."""

    code = "schedule-in-use"
    remedy = "Take it out of the doors' hours first."


class ScheduleInvalid(Unprocessable):
    """The hours are no hours: a day or time is not one, or a span is named for holidays that are days like others."""

    code = "schedule-invalid"
    remedy = "Give spans of a day, a beginning from 00:00 to 23:59 and an end from 00:01 to 24:00 or of the next day."


class HoursRepeated(Unprocessable):
    """Two schedules are named for the same kind of person and the same doors."""

    code = "hours-repeated"
    remedy = "Name one schedule for each door group and kind; several spans stand in one schedule."


class EmergencyNotFound(NotFound):
    """The community has no such emergency."""

    code = "emergency-not-found"
    remedy = "Take the id from the list of the community's emergencies."


class EmergencyOver(Conflict):
    """The emergency has ended already."""

    code = "emergency-over"
    remedy = "Nothing is to be done; declare another where one is needed."
