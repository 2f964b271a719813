"""What a photograph of the register must be: good enough to compare with, which is less than to enrol by."""

from gate_sdk.face import QualityLimits

__all__ = ["REGISTER"]

#: Pictures of identity papers are small, and nobody can be asked to take them again on the spot. Below 60 pixels the
#: detector's landmarks are too poor (docs/adr/0010-faces-from-60-pixels.md). A picture that is worse than it looks
#: makes somebody look at the face, and nothing else: it can refuse a match, not forge one.
REGISTER = QualityLimits(
    face_width=60,
    inside=0.9,
    sharpness=0.03,
    darkest=25,
    brightest=240,
    clipped=0.4,
    contrast=10,
    yaw=35,
    pitch=35,
    roll=30,
    norm=8.5,
)
