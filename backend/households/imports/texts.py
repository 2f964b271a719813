"""What can be said of a line, in English and Chinese: what is wrong, and what to do."""

from collections.abc import Mapping

import msgspec

__all__ = ["TEXTS", "Text"]


class Text(msgspec.Struct, frozen=True):
    """A code's explanation and remedy."""

    detail: str
    remedy: str
    detail_zh: str
    remedy_zh: str


TEXTS: Mapping[str, Text] = {
    "line-too-long": Text(
        "The line is longer than 64 KiB.", "Look for a line break that is missing there.",
        "该行超过 64 KiB。", "请检查此处是否缺少换行。",
    ),
    "encoding-mixed": Text(
        "The line is not in the encoding of the rest of the file.", "Save the whole file as CSV (UTF-8).",
        "该行的编码与文件其余部分不同。", "请将整个文件另存为 CSV (UTF-8)。",
    ),
    "control-character": Text(
        "The line has a control character, such as NUL.", "Type the line anew.",
        "该行含有控制字符。", "请重新录入该行。",
    ),
    "quotes": Text(
        "A quoted cell goes on after its quotation mark.", "Double quotation marks within a cell.",
        "单元格的引号使用不正确。", "单元格内的引号请写两次。",
    ),
    "quote-unclosed": Text(
        "A quotation mark opens a cell and none closes it.", "Close it or take it out.",
        "引号未闭合。", "请补上或删除引号。",
    ),
    "missing": Text(
        "The cell is empty and may not be.", "Fill it in.", "必填单元格为空。", "请填写。",
    ),
    "too-long": Text(
        "The cell is longer than the register holds.", "Shorten it.", "内容过长。", "请缩短内容。",
    ),
    "community-unknown": Text(
        "No community of yours has that name.", "Write it as in the list of communities, or create it first.",
        "没有您可管理的同名小区。", "请按小区列表填写名称，或先创建小区。",
    ),
    "community-ambiguous": Text(
        "Two communities have that name.", "Rename one, or import each community's file by itself.",
        "有两个小区同名。", "请更改其中一个的名称，或分小区导入。",
    ),
    "relation-unknown": Text(
        "The relation is none that is known.", "Write tenant, spouse, child, parent, sibling or other.",
        "无法识别的关系。", "请填写：承租人、配偶、子女、父母、兄弟姐妹或其他。",
    ),
    "phone-invalid": Text(
        "It is no mobile number.", "Write it in full, with the country code where it is not Chinese.",
        "手机号无效。", "请填写完整手机号；境外号码请加国家代码。",
    ),
    "member-limit-invalid": Text(
        "The limit is no number from 1 to 30.", "Write one, or leave the cell empty.",
        "人数上限应为 1 至 30。", "请填写数字或留空。",
    ),
    "date-invalid": Text(
        "It is no date.", "Write it as 2026-11-02.", "日期无效。", "请按 2026-11-02 的格式填写。",
    ),
    "period-invalid": Text(
        "The tenancy ends before it begins.", "Correct one of the dates.", "租期结束早于开始。", "请更正日期。",
    ),
    "repeated": Text(
        "The number stands in the file before.", "Give each person a number of his own.",
        "编号在文件中重复。", "每人应有唯一编号。",
    ),
    "home-differs": Text(
        "The tenancy stands in another home.", "Transfer the household to its new home, then import again.",
        "该租约登记在另一套房屋。", "请先办理换房，再重新导入。",
    ),
    "period-differs": Text(
        "Lines of one tenancy name different beginnings or ends.", "Let all of them say the same.",
        "同一租约的各行租期不一致。", "请统一租期。",
    ),
    "home-occupied": Text(
        "The home has another tenancy in that time.", "End the other tenancy first, or correct the dates.",
        "该房屋在此期间已有其他租约。", "请先结束原租约，或更正日期。",
    ),
    "tenancy-ended": Text(
        "The office ended the tenancy; the file says that it goes on.", "Give a new tenancy a number of its own.",
        "该租约已由管理处结束，但文件中仍有效。", "新租约请使用新编号。",
    ),
    "member-elsewhere": Text(
        "Somebody of that number lives in another household of the community.",
        "Take him off there or transfer the household, then import again.",
        "该编号的人员登记在本小区另一户。", "请先在原住户中移除或办理换房，再重新导入。",
    ),
    "member-ended": Text(
        "The office took him off this household.", "Put him on the register by hand if he is back.",
        "该人员已被管理处移出此户。", "如已返回，请手工登记。",
    ),
    "second-tenant": Text(
        "The tenancy has a tenant already.", "Name the others by their relation to him.",
        "该租约已有承租人。", "其他人请填写与承租人的关系。",
    ),
    "home-full": Text(
        "The household has as many members as the home may have.", "Raise the home's limit, or correct the lines.",
        "该户人数已达上限。", "请提高人数上限或更正数据。",
    ),
    "conflict": Text(
        "Somebody changed the register at the same moment.", "Import the file again.",
        "登记信息同时被他人修改。", "请重新导入。",
    ),
    "over-already": Text(
        "The tenancy is over; nothing was written.", "Nothing is to be done.",
        "租约已结束，未写入。", "无需处理。",
    ),
    "many-not-in-file": Text(
        "So many of the community are not in the file that it may have been cut off.",
        "Send the whole file; if they have left, confirm with `large_ends`.",
        "该小区缺失人员过多，文件可能不完整。", "请发送完整文件；如确已搬离，请用 large_ends 确认。",
    ),
    "not-in-file": Text(
        "He stands on the register under a number that the file does not have.",
        "Nothing is to be done if he has left; else put him into the file.",
        "登记的编号不在文件中。", "如已搬离无需处理；否则请补入文件。",
    ),
}  # fmt: skip
