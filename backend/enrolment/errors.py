"""Failures of enrolment.

404 EnrolmentNotFound, ReviewNotFound, PhotoNotFound
409 EnrolmentEnded, PhotosMissing, PhotosChanged, ReviewDecided, ReviewChanged, ReviewMoot, EnrolmentUnderErasure
410 EnrolmentExpired
413 PhotoTooLarge
415 PhotoTypeUnsupported
422 PhotoRefused (its code is the reason's), SetRefused (the same, of the three together)
429 TooManyPhotos
503 FacesBusy
"""

from backend.enrolment.messages import REFUSALS
from backend.kit.problems import (
    BadRequest,
    Conflict,
    Gone,
    NotFound,
    PayloadTooLarge,
    ProblemDetails,
    TooManyRequests,
    Unavailable,
    Unprocessable,
    UnsupportedMedia,
)

__all__ = [
    "EnrolmentEnded",
    "EnrolmentExpired",
    "EnrolmentNotFound",
    "EnrolmentUnderErasure",
    "FacesBusy",
    "PhotoNotFound",
    "PhotoRefused",
    "PhotoTooLarge",
    "PhotoTypeUnsupported",
    "PhotosChanged",
    "PhotosMissing",
    "ReviewChanged",
    "ReviewDecided",
    "ReviewMoot",
    "ReviewNotFound",
    "SetRefused",
    "TooManyPhotos",
    "UploadInterrupted",
]


class EnrolmentNotFound(NotFound):
    """There is no such enrolment among yours."""

    code = "enrolment-not-found"
    remedy = "Begin one with POST /enrolments; beginning another ends the one before."


class ReviewNotFound(NotFound):
    """There is no such review in this community."""

    code = "review-not-found"
    remedy = "Take the id from the list of reviews."


class PhotoNotFound(NotFound):
    """There is no such photograph, or it has been erased."""

    code = "photo-not-found"
    remedy = "Photographs have slots 1 to 3 and are there while the review waits."


class EnrolmentEnded(Conflict):
    """This enrolment is complete; its photographs do not change any more."""

    code = "enrolment-ended"
    remedy = "Begin a new enrolment."


class EnrolmentUnderErasure(Conflict):
    """What you gave before is being erased; nothing new is taken until that is done."""

    code = "enrolment-under-erasure"
    remedy = "Wait until the erasure is complete, agree anew, then enrol."


class PhotosMissing(Conflict):
    """Not all three photographs have been taken."""

    code = "photos-missing"
    remedy = "Take the photographs of the slots named in extra.missing."


class PhotosChanged(Conflict):
    """A photograph was taken again while the enrolment was being completed."""

    code = "photos-changed"
    remedy = "Complete it again."


class ReviewDecided(Conflict):
    """This review has been decided already, or the person has enrolled again."""

    code = "review-decided"
    remedy = "Read the list of reviews again."


class ReviewChanged(Conflict):
    """Since this review was opened, something was found that you have not seen."""

    code = "review-changed"
    remedy = "Read the review again: extra.findings names what was found. Then decide."


class ReviewMoot(Conflict):
    """The person may not pass here any more, or his face has been erased."""

    code = "review-moot"
    remedy = "Nothing is to be done; the review disappears by itself."


class EnrolmentExpired(Gone):
    """The time for this enrolment is over."""

    code = "enrolment-expired"
    remedy = "Begin a new enrolment; its three photographs are taken within 30 minutes."


class PhotoTooLarge(PayloadTooLarge):
    """The photograph has more than 15 MB."""

    code = "photo-too-large"
    remedy = "Send a photograph of at most 15 MB."


class PhotoTypeUnsupported(UnsupportedMedia):
    """The body is no JPEG, PNG, WebP or HEIC, or not the one that Content-Type says."""

    code = "photo-type-unsupported"
    remedy = "Send the photograph itself as the body, with its real Content-Type; no form."


class UploadInterrupted(BadRequest):
    """The photograph did not arrive whole, or not within 30 seconds."""

    code = "upload-interrupted"
    remedy = "Send it again; a smaller picture will do (1,600 pixels on the long side)."


class TooManyPhotos(TooManyRequests):
    """Too many photographs were tried in this enrolment."""

    code = "too-many-photos"
    remedy = "Begin a new enrolment, or ask the community's staff to help."


class FacesBusy(Unavailable):
    """Many people are enrolling at this moment."""

    code = "faces-busy"
    remedy = "Send the photograph again after Retry-After seconds."


class _Refused(Unprocessable):
    """See PhotoRefused. ``refusals`` are codes of backend.enrolment.messages, the most helpful first."""

    def __init__(self, *refusals: str) -> None:
        self.refusal = REFUSALS[refusals[0]]
        messages = {name: REFUSALS[name].messages() for name in refusals}
        super().__init__(
            self.default_detail(), messages=self.refusal.messages(), refusals=list(refusals), remedies=messages
        )

    def details(self) -> ProblemDetails:
        """The body; ``code``, ``type`` and ``remedy`` are the first refusal's own."""
        return ProblemDetails(
            type=f"urn:doorward:problem:{self.refusal.code}",
            title=self.title,
            status=self.status,
            detail=str(self),
            remedy=self.refusal.remedy.en,
            code=self.refusal.code,
            extra=self.extra,
        )


class PhotoRefused(_Refused):
    """The photograph is not good enough.

    `code` is the reason's, extra.messages say what to do in each language. Codes: no_face, several_faces,
    face_too_small, face_cut_off, blurred, too_dark, too_bright, low_contrast, turned_sideways, turned_up_or_down,
    tilted, hard_to_recognise (covered, mostly), not_frontal, turn_more, turn_other_side, not_solid (flat, like a
    print), not_live, not_the_same_person, not_a_picture, image_unreadable, image_too_many_pixels.
    """

    code = "photo-refused"
    title = "Photograph refused"
    remedy = "Do as extra.messages say and take the picture again."


class SetRefused(_Refused):
    """The three photographs do not go together.

    `code` is not_one_person, not_solid, not_frontal, turn_more or turn_other_side.
    """

    code = "photos-refused"
    title = "Photographs refused"
    remedy = "Do as extra.messages say and take the pictures again."
