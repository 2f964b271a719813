"""What people are told while they take their photographs, in the languages that every surface offers."""

import msgspec

from gate_sdk.face import RefusalCode, Remedy

__all__ = ["INSTRUCTIONS", "REFUSALS", "Refusal", "decision_messages"]


class Refusal(msgspec.Struct, frozen=True):
    """A photograph or a set of them is refused: a stable code, and what to do in Chinese and English."""

    code: str
    remedy: Remedy

    def messages(self) -> dict[str, str]:
        """The remedy by language tag."""
        return {"zh-CN": self.remedy.zh, "en": self.remedy.en}


_OWN = {
    "not_a_picture": Remedy(
        "This file is no photograph. Take a picture, or choose a JPEG, PNG, WebP or HEIC file.",
        "此文件不是照片。请拍摄照片，或选择 JPEG、PNG、WebP、HEIC 格式的文件。",
    ),
    "not_live": Remedy(
        "Stand before the camera yourself, in even light; pictures of pictures and of screens are not accepted.",
        "请本人在均匀光线下面对镜头拍摄；不接受翻拍照片或屏幕。",
    ),
    "not_the_same_person": Remedy(
        "This picture does not show the person of the one before. Take it again, alone in the picture.",
        "此照片与前一张不是同一个人，请独自重新拍摄。",
    ),
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

#: Why staff said no to a face, or asked for new photographs.
_DECISIONS = {
    "not_the_person": Remedy(
        "The photographs do not show the person on the register. Come to the office with your identity card.",
        "照片与登记册中的本人不符，请携带身份证到管理处办理。",
    ),
    "enrolled_already": Remedy(
        "This face is enrolled here under another name already. Come to the office to clear that up.",
        "此人脸已以其他姓名登记，请到管理处核实。",
    ),
    "not_entitled": Remedy(
        "The register does not say that you live here. Ask the office.", "登记册中没有您的居住信息，请咨询管理处。"
    ),
    "other": Remedy("The office could not confirm this face. Ask there.", "管理处未能确认此人脸，请到管理处咨询。"),
    "poor_photographs": Remedy(
        "The photographs are not good enough to decide. Take them again in good light.",
        "照片不够清晰，请在光线良好处重新拍摄。",
    ),
    "face_covered": Remedy(
        "Take new photographs without mask, sunglasses or hat.", "请摘下口罩、墨镜或帽子后重新拍摄。"
    ),
    "not_recognisable": Remedy(
        "Nobody could tell by the photographs that it is you. Take new ones, looking as you do every day.",
        "无法根据照片确认是您本人，请以日常样貌重新拍摄。",
    ),
    "come_to_the_office": Remedy(
        "Take new photographs at the office, with your identity card.", "请携带身份证到管理处现场拍摄。"
    ),
}


def decision_messages(code: str) -> dict[str, str]:
    """What staff's reason means for the person, by language tag."""
    remedy = _DECISIONS[code]
    return {"zh-CN": remedy.zh, "en": remedy.en}


#: What to do for each pose, before the picture is taken.
INSTRUCTIONS = {
    "front": Remedy("Look straight into the camera.", "请正对镜头。"),
    "slightly_left": Remedy("Turn your head slightly to the left.", "请将头稍微向左转。"),
    "slightly_right": Remedy("Turn your head slightly to the right.", "请将头稍微向右转。"),
    "any": Remedy("Look towards the camera, alone in the picture, in good light.", "请独自面向镜头，光线充足。"),
}
