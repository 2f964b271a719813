"""By what somebody recognises his device in a list."""

__all__ = ["device_label", "unknown_device"]

# What stands in a browser's User-Agent. The first match counts, since nearly all claim to be others too.
_SYSTEMS = (
    ("HarmonyOS", "HarmonyOS"),
    ("OpenHarmony", "HarmonyOS"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)
_CLIENTS = (
    ("MicroMessenger", "WeChat"),
    ("AlipayClient", "Alipay"),
    ("Doorward", "Doorward"),
    ("Edg", "Edge"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("Chrome", "Chrome"),
    ("CriOS", "Chrome"),
    ("Safari", "Safari"),
)
_LONGEST = 1000


def unknown_device(language: str) -> str:
    """What a device is called that does not say what it is; in English where the language is none of ours."""
    return "未知设备" if language == "zh-CN" else "an unknown one"


def device_label(user_agent: str | None) -> str | None:
    """Such as "iPhone, WeChat"; None where nothing is known.

    Only of words that stand in this module: of the header, which anybody may fill as he likes and which can tell one
    person's telephone from all others, nothing is kept.
    """
    text = (user_agent or "")[:_LONGEST]
    found = [next((name for mark, name in marks if mark in text), None) for marks in (_SYSTEMS, _CLIENTS)]
    return ", ".join(name for name in found if name is not None) or None
