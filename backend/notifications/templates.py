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
    # link: to the certificate of erasure, good without an account.
    "erasure_complete": {
        "zh-CN": "【Doorward】您的个人信息已从我们的服务器删除。删除证明 (含各大门设备的确认情况) 请妥善保存: $link",
        "en": "Doorward: your data has been erased from our servers. Keep this link to the certificate, which also "
        "shows each gate's confirmation: $link",
    },
    # company: the courier company's name; link: the enrolment's address.
    "courier_link": {
        "zh-CN": "【Doorward】$company 邀请您登记为配送员。请打开链接办理: $link",
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
