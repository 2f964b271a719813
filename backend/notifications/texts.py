"""What notifications say in the app, in both languages, and the one line that a locked screen may show."""

from collections.abc import Mapping
from string import Template

from backend.accounts.sessions.devices import unknown_device
from backend.kit.language import Language
from backend.notifications.kinds import Kind

__all__ = ["LOCKED", "text_of"]

#: On a screen that anybody may read: that there is something, and not what.
LOCKED: Mapping[Language, str] = {
    "zh-CN": "您有一条新消息，请登录查看。",
    "en": "You have a new message; open Doorward to read it.",
}

# $community: its name. $detail: see the migration; of a tenancy the day.
_TEXTS: Mapping[Kind, Mapping[Language, str]] = {
    Kind.FACE_ACTIVE: {
        "zh-CN": "您的人脸已在$community启用，可刷脸通行。",
        "en": "Your face now opens the gates of $community.",
    },
    Kind.FACE_REFUSED: {
        "zh-CN": "您在$community的人脸登记未获通过，原因见“人脸”页。二维码通行不受影响，也可重新登记。",
        "en": "Your enrolment at $community was not accepted; the reason stands under “Face”. Your QR code "
        "works as before, and you may enrol again.",
    },
    Kind.FACE_RETAKE: {
        "zh-CN": "$community需要您重新拍摄登记照片。在此期间二维码通行不受影响。",
        "en": "$community needs new photographs for your enrolment. Your QR code works meanwhile.",
    },
    Kind.FACE_RENEWAL_DUE: {
        "zh-CN": "$community正在更换人脸识别模型，请在 $detail 之前重新拍摄照片。在此之前原登记仍然有效，"
        "之后请用二维码通行。",
        "en": "$community is changing how it recognises faces: please take new photographs by $detail. Until then your "
        "face opens as before; after that, use your QR code.",
    },
    Kind.FACE_RENEWAL_MISSED: {
        "zh-CN": "$community已更换人脸识别模型，您的原人脸登记已停用并删除。二维码通行不受影响，也可重新拍摄照片。",
        "en": "$community has changed how it recognises faces, and your old face was erased. Your QR code works as "
        "before; take new photographs to pass by face again.",
    },
    Kind.GUEST_ACCEPTED: {
        "zh-CN": "您的访客已接受前往$community的邀请。",
        "en": "Your guest has accepted the invitation to $community.",
    },
    Kind.GUEST_ARRIVED: {
        "zh-CN": "您的访客已进入$community。",
        "en": "Your guest has come in at $community.",
    },
    Kind.DELIVERY_ARRIVED: {
        "zh-CN": "您等候的配送员已进入$community。",
        "en": "The courier you expect has come in at $community.",
    },
    Kind.APPROVAL_ASKED: {
        "zh-CN": "有人在$community门口等候，请尽快答复是否放行。",
        "en": "Somebody waits at a gate of $community; say soon whether he may come in.",
    },
    Kind.MEMBER_PROPOSED: {
        "zh-CN": "您在$community的住户中有人被提名为新成员，等待小区办公室批准。",
        "en": "A new member of your household at $community was named and waits for the office's approval.",
    },
    Kind.MEMBER_APPROVED: {
        "zh-CN": "小区办公室已批准您在$community的家庭成员。",
        "en": "The office has approved a member of your household at $community.",
    },
    Kind.RECAPTURE_DUE: {
        "zh-CN": "孩子的面容变化较快，请为$community重新拍摄登记照片。完成之前原登记仍然有效。",
        "en": "Children's faces change: please have the photographs for $community taken anew. Until then the old ones "
        "go on working.",
    },
    Kind.TENANCY_ENDING: {
        "zh-CN": "您在$community的租约将于 $detail 到期，届时通行权限随之结束。",
        "en": "Your tenancy at $community ends on $detail, and with it the right to enter.",
    },
    Kind.NEW_DEVICE: {
        "zh-CN": "您的账户在另一台设备上登录（$detail）。如非本人操作，请在“登录的设备”中将其退出。",
        "en": "Your account was logged in on another device ($detail). If that was not you, log it out under "
        "“Where I am logged in”.",
    },
    Kind.NUMBER_CHANGED: {
        "zh-CN": "您的账户已改用新的手机号码，其他设备已全部退出。如非本人操作，请立即联系小区办公室。",
        "en": "Your account has moved to another number, and other devices were logged out. If that was not you, call "
        "your community's office at once.",
    },
    Kind.CONSENT_LAPSED: {
        "zh-CN": "由监护人作出的同意已失效，相关人脸信息正在删除。二维码通行不受影响。",
        "en": "What guardians had agreed to has lapsed, and the face that rested on it is being erased. The QR code "
        "goes on.",
    },
    Kind.ERASURE_DONE: {
        "zh-CN": "应删除的个人信息已从我们的服务器删除，删除证明可在“我的”页查看。",
        "en": "What was to be erased has been erased from our servers; the certificate stands under “Me”.",
    },
}


def text_of(kind: str, *, community: str | None, detail: str | None, language: Language) -> str:
    """The text to read. A kind of another release has the line of a locked screen."""
    if kind not in set(Kind):
        return LOCKED[language]
    somewhere = community or ("小区" if language == "zh-CN" else "your community")
    unsaid = unknown_device(language) if kind == Kind.NEW_DEVICE else "?"
    return Template(_TEXTS[Kind(kind)][language]).substitute(community=somewhere, detail=detail or unsaid)
