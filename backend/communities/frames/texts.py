"""What people read about pictures of denied approaches, beneath the text that they are asked to agree to."""

from backend.communities.frames.repository import FramePolicyRow, FramePurpose

__all__ = ["supplement"]

_PURPOSES: dict[FramePurpose, dict[str, str]] = {
    "wrong_refusals": {
        "zh-CN": "查明大门为何错误拒绝有权进入的人",
        "en": "to find out why gates refuse people who may enter",
    },
    "attempted_intrusion": {
        "zh-CN": "查明有人冒用他人身份或者强行进入的企图",
        "en": "to clear up attempts to get in as somebody else or by force",
    },
}
_TEXTS = {
    "zh-CN": (
        "补充告知：本小区已开启“被拒绝通行时的画面”功能，至 {until} 自动终止。"
        "大门未能识别、判断不清或者怀疑不是真人而拒绝通行时，"
        "保留该次通行的一张人脸小图（边长不超过 320 像素），加密保存，"
        "唯一目的是{purpose}。至迟 {hours} 小时后自动删除；小区关闭该功能的，随即删除。"
        "该图片不用于登记，不用于比对或者搜索任何人，"
        "仅经授权的工作人员可以查看，每次查看均有记录。"
    ),
    "en": (
        "In addition: this community keeps pictures of denied approaches until {until}, when that ends by itself. "
        "Where a gate refuses somebody whom it does not recognise, cannot tell from others, or takes for a picture of "
        "a face, one small picture of the face (at most 320 pixels wide and high) is kept, encrypted, {purpose} and "
        "for nothing else. It is deleted after {hours} hours at the latest, and at once where the community turns this "
        "off. Nobody is enrolled with it, and it is never compared with anybody or searched for. Authorised staff "
        "alone can look at it, and each look is recorded."
    ),
}


def supplement(policy: FramePolicyRow, *, language: str) -> str:
    """The paragraph in that language ("zh-CN" or "en")."""
    return _TEXTS[language].format(
        until=f"{policy.ends_at:%Y-%m-%d %H:%M} UTC", purpose=_PURPOSES[policy.purpose][language], hours=policy.hours
    )
