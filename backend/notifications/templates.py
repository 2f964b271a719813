"""What messages say, in both languages. A template is data: a missing value is an error of the program."""

from collections.abc import Mapping
from string import Template

__all__ = ["TEMPLATES", "render"]

TEMPLATES: Mapping[str, Mapping[str, str]] = {
    # code: six digits; minutes: how long it is good.
    "login_code": {
        "zh-CN": "【Doorward】验证码 $code，$minutes 分钟内有效。请勿转告他人。",
        "en": "Doorward: your code is $code, good for $minutes minutes. Tell it to nobody.",
    },
    # device: what it says it is, or that it says nothing.
    "new_device": {
        "zh-CN": "【Doorward】您的账户在另一台设备上登录（$device）。如非本人操作，请在“登录的设备”中将其退出。",
        "en": "Doorward: your account was logged in on another device ($device). If that was not you, log it out under "
        "“Where I am logged in”.",
    },
    # Neither whose guest nor where: it may be read on a locked screen.
    "guest_arrived": {
        "zh-CN": "【Doorward】您的访客已到达。详情请登录查看。",
        "en": "Doorward: your guest has come in. Log in for more.",
    },
    # Sent to the number that the account had before.
    "number_changed": {
        "zh-CN": "【Doorward】您的账户已改用其他手机号码，此号码不再关联该账户。如非本人操作，请立即联系小区办公室。",
        "en": "Doorward: your account has moved to another number and is no longer tied to this one. If that was not "
        "you, call your community's office at once.",
    },
    # Sent to the number that the account is to leave.
    "number_change_asked": {
        "zh-CN": "【Doorward】小区办公室将在24小时后把您的账户改至其他手机号码。"
        "如非本人要求，请立即登录取消或联系办公室。",
        "en": "Doorward: your community's office was asked to move your account to another number, in 24 hours. If "
        "that was not you, log in and call it off, or call the office at once.",
    },
    # Sent to a member of staff.
    "second_factor_reset": {
        "zh-CN": "【Doorward】管理员已重置您的二次验证，请重新登录并绑定验证器。如非您本人要求，请立即联系管理员。",
        "en": "Doorward: an administrator has taken off your second factor. Log in and enrol a new one. If you did not "
        "ask for this, call your administrator at once.",
    },
    # link: to the certificate of erasure, good without an account.
    "erasure_complete": {
        "zh-CN": "【Doorward】您的个人信息已从我们的服务器删除。删除证明（含各大门设备的确认情况）请妥善保存：$link",
        "en": "Doorward: your data has been erased from our servers. Keep this link to the certificate, which also "
        "shows each gate's confirmation: $link",
    },
    # Neither says more: why, and of which community, its reader finds where he is logged in.
    "face_refused": {
        "zh-CN": "【Doorward】您的人脸登记未获通过，原因请登录查看。您仍可使用二维码通行，也可重新登记。",
        "en": "Doorward: the photographs of your enrolment were not accepted; log in to read why. Your QR code works "
        "as before, and you may enrol again.",
    },
    "face_retake": {
        "zh-CN": "【Doorward】您的人脸登记需要重新拍照，请登录办理。在此期间您仍可使用二维码通行。",
        "en": "Doorward: new photographs are needed for your enrolment; log in to take them. Your QR code works "
        "meanwhile.",
    },
    # community: its name; days: how long there is to decide; link: where a young person without an account decides.
    "own_consent": {
        "zh-CN": "【Doorward】您已年满十四周岁。请在 $days 天内由本人决定是否继续在$community使用人脸通行；"
        "未答复的，人脸信息将被删除，二维码通行不受影响。请登录后办理。",
        "en": "Doorward: you are fourteen. Decide for yourself within $days days whether your face still opens the "
        "gates of $community; without an answer it is erased, and your QR code goes on. Log in to decide.",
    },
    "own_consent_of_child": {
        "zh-CN": "【Doorward】您监护的孩子已年满十四周岁，请由其本人在 $days 天内打开链接决定是否继续在"
        "$community使用人脸通行；未答复的，人脸信息将被删除，二维码通行不受影响：$link",
        "en": "Doorward: a child you are the guardian of is fourteen, and decides itself within $days days whether its "
        "face still opens the gates of $community; without an answer it is erased, and the QR code goes on. Give it "
        "this link: $link",
    },
    # community: its name.
    "recapture": {
        "zh-CN": "【Doorward】孩子的面容变化较快，请重新拍摄登记照片，以便$community大门顺利识别。"
        "完成之前，原登记仍然有效。",
        "en": "Doorward: children's faces change. Please have the photographs for $community taken anew; until that is "
        "done, the old ones go on working.",
    },
    # community: its name; link: the invitation. Neither who invites nor where he lives: it may go to a wrong number.
    "guest_link": {
        "zh-CN": "【Doorward】您收到$community的访客邀请。请本人打开链接办理：$link",
        "en": "Doorward: you are invited to $community as a guest. Open this link yourself: $link",
    },
    # company: the courier company's name; link: the enrolment's address.
    "courier_link": {
        "zh-CN": "【Doorward】$company 邀请您登记为配送员。请打开链接办理：$link",
        "en": "Doorward: $company asks you to register as a courier. Open this link: $link",
    },
}


def render(template: str, values: Mapping[str, str], language: str) -> str:
    """The message's text.

    Args:
        template: a name of :data:`TEMPLATES`.
        values: all of the template's places; more do no harm.
        language: "zh-CN" or "en"; any other is read as English.

    Raises:
        LookupError: there is no such template, or a value is missing.
    """
    texts = TEMPLATES[template]
    return Template(texts.get(language, texts["en"])).substitute(values)
