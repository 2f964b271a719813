"""LineInvalid, LineUnreadable 400, BulkTooLarge, TooManyLines 413."""

from backend.kit.problems import BadRequest, PayloadTooLarge

__all__ = ["BulkTooLarge", "LineInvalid", "LineUnreadable", "TooManyLines"]


class LineUnreadable(BadRequest):
    """The line is no JSON object, no record of the header's columns, not UTF-8, or longer than 4,096 bytes."""

    code = "line-unreadable"
    remedy = "Write one JSON object on each line, or one record under a header for CSV; correct it and send it again."


class LineInvalid(BadRequest):
    """A field of the line is missing, unknown or of the wrong form."""

    code = "line-invalid"
    remedy = "Correct the field that the detail names and send the line again."


class BulkTooLarge(PayloadTooLarge):
    """The body has more than eight million bytes."""

    code = "bulk-too-large"
    remedy = "Send the lines in several requests; what was answered already counts."


class TooManyLines(PayloadTooLarge):
    """The body has more than 10,000 lines."""

    code = "too-many-lines"
    remedy = "Send the lines that were not answered in a further request."
