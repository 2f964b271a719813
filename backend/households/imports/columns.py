"""Which column of a file means what: by its heading, in Chinese or English, or by what the office says. Pure."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

from backend.households.imports.errors import HeaderRefused

__all__ = ["HEADINGS", "MAX_COLUMNS", "Column", "map_columns"]

#: A register has some dozens.
MAX_COLUMNS = 200
# The last three are the parentheses and the colon of Chinese type.
_NOISE = re.compile(r"[\s_\-()*:/.'\"\uff08\uff09\uff1a]")


class Column(StrEnum):
    """What is read of a line. All else in it is passed over."""

    COMMUNITY = "community"
    BUILDING = "building"
    UNIT = "unit"
    HOME = "home"
    MEMBER_LIMIT = "member_limit"
    TENANCY = "tenancy"
    NUMBER = "number"
    NAME = "name"
    PHONE = "phone"
    RELATION = "relation"
    STARTS = "starts"
    ENDS = "ends"


#: The headings that are understood; the first is what an export writes.
HEADINGS: Mapping[Column, tuple[str, ...]] = {
    Column.COMMUNITY: ("小区", "小区名称", "社区", "项目", "项目名称", "community", "estate"),
    Column.BUILDING: ("楼栋", "楼号", "楼栋号", "楼", "栋", "building", "block"),
    Column.UNIT: ("单元", "单元号", "unit", "staircase", "entrance"),
    Column.HOME: ("房号", "房间号", "房屋号", "门牌号", "室", "室号", "home", "flat", "room", "apartment", "label"),
    Column.MEMBER_LIMIT: ("人数上限", "可住人数", "memberlimit", "maxmembers"),
    Column.TENANCY: ("合同编号", "合同号", "租约编号", "租约号", "tenancy", "tenancynumber", "contract", "lease"),
    Column.NUMBER: (
        "人员编号", "租户编号", "租户号", "住户编号", "登记号", "编号", "number", "registernumber", "tenantnumber",
        "membernumber",
    ),
    Column.NAME: ("姓名", "租户姓名", "承租人", "承租人姓名", "住户姓名", "name", "fullname", "tenantname"),
    Column.PHONE: ("手机号", "手机", "手机号码", "联系电话", "电话", "phone", "mobile", "phonenumber", "telephone"),
    Column.RELATION: ("关系", "与承租人关系", "家庭关系", "relation", "relationship"),
    Column.STARTS: (
        "租期开始", "租期起", "起租日期", "起租日", "合同开始日期", "开始日期", "入住日期", "starts", "start", "from",
        "startdate", "begins",
    ),
    Column.ENDS: (
        "租期结束", "租期止", "到期日期", "到期日", "合同结束日期", "结束日期", "退租日期", "ends", "end", "until",
        "enddate", "expires",
    ),
}  # fmt: skip
_NEEDED = (Column.BUILDING, Column.HOME, Column.NUMBER, Column.NAME, Column.STARTS)


def map_columns(header: Sequence[str], given: Mapping[Column, str], *, community_given: bool) -> dict[Column, int]:
    """The place of each column in a record, counted from 0.

    Args:
        header: the file's first record.
        given: the headings that the office names, which go before those that are understood by themselves.
        community_given: whether the community is said beside the file, so that no column needs to.

    Raises:
        HeaderRefused: a column that is needed is missing, stands there twice, or there are too many.
    """
    if len(header) > MAX_COLUMNS:
        raise HeaderRefused("too-many-columns")
    seen = [_plain(heading) for heading in header]
    found: dict[Column, int] = {}
    for column, headings in HEADINGS.items():
        wanted = (_plain(given[column]),) if column in given else tuple(_plain(heading) for heading in headings)
        places = [index for index, heading in enumerate(seen) if heading and heading in wanted]
        if len(places) > 1:
            raise HeaderRefused("columns-ambiguous", column.value)
        if places:
            found[column] = places[0]
        elif column in given:
            raise HeaderRefused("columns-missing", column.value)
    needed = (*_NEEDED, *(() if community_given else (Column.COMMUNITY,)))
    missing = [column.value for column in needed if column not in found]
    if missing:
        raise HeaderRefused("columns-missing", *missing)
    return found


def _plain(heading: str) -> str:
    return _NOISE.sub("", heading).lower()
