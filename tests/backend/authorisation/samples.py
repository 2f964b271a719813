"""What requests carry besides JSON: a picture without anybody on it, files that hold it, a key."""

import io
import zipfile
from base64 import urlsafe_b64encode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from gate_sdk.wire import DeniedFrame, Reason
from tests.backend.world import MovableClock

__all__ = ["ARCHIVE", "FRAME", "PICTURE", "public_jwk"]


def _jpeg() -> bytes:
    encoded = io.BytesIO()
    Image.new("RGB", (200, 240), (201, 33, 97)).save(encoded, "JPEG")
    return encoded.getvalue()


#: A JPEG without anybody on it: takes a photo route as far as its answer about the picture.
PICTURE = _jpeg()


def public_jwk() -> dict[str, str]:
    """A company's new key."""
    public = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    return {"kty": "OKP", "crv": "Ed25519", "x": urlsafe_b64encode(public).decode().rstrip("=")}


def _zip() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("T-1.jpg", PICTURE)
    return archive.getvalue()


ARCHIVE = _zip()


#: At the time at which tests' clocks stand.
FRAME = DeniedFrame(
    store_epoch=7, seq=1, at_us=int(MovableClock().now.timestamp() * 1e6), reason=Reason.UNKNOWN, jpeg=PICTURE
)
