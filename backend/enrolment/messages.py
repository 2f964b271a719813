"""What people are told while they take their photographs, in the languages that every surface offers."""

# ruff: noqa: RUF001 - Chinese has its own commas and full stops

import msgspec

from gate_sdk.face import RefusalCode, Remedy

__all__ = ["INSTRUCTIONS", "REFUSALS", "Refusal"]


class Refusal(msgspec.Struct, frozen=True):
    """A photograph or a set of them is refused: a stable code, and what to do in Chinese and English."""

    code: str
    remedy: Remedy

    def messages(self) -> dict[str, str]:
        """The remedy by language tag."""
        return {"zh-CN": self.remedy.zh, "en": self.remedy.en}


_OWN = {
    "image_unreadable": Remedy("The file is damaged. Take the picture again.", "文件已损坏，请重新拍照。"),
    "image_too_many_pixels": Remedy("The picture may have at most 50 megapixels.", "照片不能超过五千万像素。"),
    "not_frontal": Remedy("Look straight into the camera for this picture.", "这张照片请正对镜头。"),
    "turn_more": Remedy("Turn your head a little to the side for this picture.", "这张照片请将头稍微转向一侧。"),
    "turn_other_side": Remedy("Turn your head to the other side for this picture.", "这张照片请将头转向另一侧。"),
    "not_solid": Remedy(
        "Turn your own head between the pictures; a photograph of a photograph is not accepted.",
        "请在拍摄时转动您自己的头部；不接受翻拍的照片。",
    ),
    "not_one_person": Remedy(
        "The three pictures must show the same person. Take them again, alone in the picture.",
        "三张照片必须是同一个人，请独自重新拍摄。",
    ),
}

#: Every refusal by its code: those of a single picture (gate_sdk.face) and those of the set.
REFUSALS = {code: Refusal(code, remedy) for code, remedy in _OWN.items()} | {
    code.value: Refusal(code.value, code.remedy) for code in RefusalCode
}

#: What to do for each pose, before the picture is taken.
INSTRUCTIONS = {
    "front": Remedy("Look straight into the camera.", "请正对镜头。"),
    "slightly_left": Remedy("Turn your head slightly to the left.", "请将头稍微向左转。"),
    "slightly_right": Remedy("Turn your head slightly to the right.", "请将头稍微向右转。"),
    "any": Remedy("Look towards the camera, alone in the picture, in good light.", "请独自面向镜头，光线充足。"),
}
