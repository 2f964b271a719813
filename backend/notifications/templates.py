"""What messages say, in both languages. A template is data: a missing value is an error of the program."""

from collections.abc import Mapping
from string import Template

__all__ = ["TEMPLATES", "render"]

TEMPLATES: Mapping[str, Mapping[str, str]] = {
    # code: six digits; minutes: how long it is good.
    "login_code": {
        "zh-CN": "【Doorward】验证码 $code, $minutes 分钟内有效。请勿转告他人。",
        "en": "Doorward: your code is $code, good for $minutes minutes. Tell it to nobody.",
    },
    # community: its name; code: the activation code.
    "activation_code": {
        "zh-CN": "【Doorward】$community 已为您登记住户身份, 激活码 $code。请登录后输入。",
        "en": "Doorward: $community has registered you as a resident. Log in and enter the code $code.",
    },
    # community: its name; link: the invitation's address.
    "guest_invitation": {
        "zh-CN": "【Doorward】您受邀访问 $community。请打开链接确认: $link",
        "en": "Doorward: you are invited to $community. Open this link to accept: $link",
    },
    # company: the courier company's name; link: the enrolment's address.
    "courier_link": {
        "zh-CN": "【Doorward】$company 邀请您登记为配送员。请打开链接办理: $link",
        "en": "Doorward: $company asks you to register as a courier. Open this link: $link",
    },
    # community: its name.
    "face_active": {
        "zh-CN": "【Doorward】您的人脸已可在 $community 通行。",
        "en": "Doorward: your face now opens the gates of $community.",
    },
    "face_refused": {
        "zh-CN": "【Doorward】您在 $community 的人脸登记未通过。请重新登记, 或使用二维码。",
        "en": "Doorward: your enrolment in $community was not approved. Enrol again, or use the QR code.",
    },
    # certificate: the erasure's id.
    "erasure_complete": {
        "zh-CN": "【Doorward】您的照片、模板和密钥均已销毁。凭证编号 $certificate。",
        "en": "Doorward: your photos, templates and keys are destroyed. Certificate $certificate.",
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
