"""What became of a file of an archive, and what to do about it, in the languages that every surface offers."""

from collections.abc import Mapping

from backend.enrolment.messages import REFUSALS
from gate_sdk.face import Remedy

__all__ = ["FAILURES", "messages"]

_OUTCOMES = {
    "taken": Remedy("Kept for comparison.", "已保存，仅用于比对。"),
    "number_unknown": Remedy(
        "Nobody on the register has this number. Name the file by the member's register number.",
        "登记册中没有此编号，请以住户登记编号命名文件。",
    ),
    "number_twice": Remedy(
        "Several files have this number; leave one of them in the archive.", "多个文件使用同一编号，请只保留一个。"
    ),
    "face_active": Remedy(
        "The gates know this person's face already; nothing is to be done.", "该住户的人脸已启用，无需处理。"
    ),
    "file_encrypted": Remedy("Pack the archive without a password.", "请勿为压缩包设置密码。"),
    "file_packed_unusually": Remedy(
        "Pack the archive as an ordinary ZIP (stored or deflated).", "请使用普通 ZIP 格式压缩。"
    ),
    "file_damaged": Remedy("The file is damaged in the archive; pack it again.", "压缩包内的文件已损坏，请重新压缩。"),
    "photo_too_large": Remedy("A photograph may have at most 15 MB.", "每张照片不能超过 15 MB。"),
    "photo_type_unsupported": Remedy(
        "Take JPEG, PNG, WebP or HEIC photographs.", "请使用 JPEG、PNG、WebP 或 HEIC 格式的照片。"
    ),
    "archive_too_large_unpacked": Remedy(
        "The archive unpacks to more than 4 GB; send several.", "压缩包解压后超过 4 GB，请分多个压缩包上传。"
    ),
}
#: Why a whole archive was not read.
FAILURES: Mapping[str, Remedy] = {
    "archive_damaged": Remedy("The archive is damaged; pack it again.", "压缩包已损坏，请重新压缩。"),
    "directory_too_large": Remedy("Send at most 20,000 files in an archive.", "每个压缩包最多包含两万个文件。"),
    "too_many_files": Remedy("Send at most 20,000 files in an archive.", "每个压缩包最多包含两万个文件。"),
    "archive_too_large": Remedy("Send at most 1 GB in an archive.", "每个压缩包不能超过 1 GB。"),
    "not_a_zip": Remedy("Send a ZIP archive.", "请上传 ZIP 压缩包。"),
    "interrupted": Remedy("The archive did not arrive whole; send it again.", "压缩包未完整上传，请重新上传。"),
}


def messages(outcome: str) -> dict[str, str]:
    """What to do, by language tag."""
    if outcome in REFUSALS:
        return REFUSALS[outcome].messages()
    remedy = _OUTCOMES.get(outcome) or FAILURES[outcome]
    return {"zh-CN": remedy.zh, "en": remedy.en}
