"""Guests, couriers, and the codes that let people in."""

from datetime import timedelta

from backend.privacy.retention.rules import Bounds, Enforcement, Law, Rule
from backend.privacy.rules import GRACE
from backend.visitors.rules import GUEST_DAYS_PERIOD

__all__ = ["VISITS"]

VISITS = (
    Rule(
        key="links",
        tables=("visitor_link", "visitor_session"),
        what="keyed hashes of links for guests and couriers, and of their sessions",
        what_zh="访客和快递链接的密钥散列",
        since="the end of the link",
        period=timedelta(days=7),
        why="to tell whoever opens it that it has ended",
        laws=(Law.PIPL_SHORTEST, Law.GDPR_STORAGE),
        by=Enforcement.JOB,
    ),
    Rule(
        key="guest_names",
        tables=(),
        what="the name that a host gave his guest",
        what_zh="访客姓名",
        since="the end of the pass",
        period=GRACE,
        why="the host sees who came",
        laws=(Law.PIPL_SHORTEST, Law.GDPR_STORAGE),
        by=Enforcement.JOB,
    ),
    Rule(
        key="passes",
        tables=("guest_pass", "guest_pass_window"),
        what="passes without a name: home and windows, and keyed hashes that find the home's next pass for the same "
        "guest",
        what_zh="访客通行证 (不含姓名; 仅含用于统计来访天数的密钥散列)",
        since="the end of the pass",
        period=GUEST_DAYS_PERIOD,
        why="a home's days of guests are counted over this time",
        laws=(Law.PIPL_SHORTEST, Law.GDPR_STORAGE),
        by=Enforcement.JOB,
    ),
    Rule(
        key="guest_blocks",
        tables=("guest_block",),
        what="keyed hashes of numbers of people whom the community does not admit as guests, and why",
        what_zh="不予接待的访客号码的密钥散列及原因",
        since="the end of the block, at most 366 days",
        period=timedelta(days=1),
        why="homes can be told that the community's office has to be asked",
        laws=(Law.PIPL_SHORTEST, Law.GDPR_STORAGE),
        by=Enforcement.JOB,
    ),
    Rule(
        key="visitor_codes",
        tables=("visitor_token", "visitor_token_use"),
        what="QR codes of passes: window, and when they were used",
        what_zh="访客二维码及其使用记录",
        since="the end of the pass",
        period=GRACE,
        why="gates that were without a network tell of uses later",
        laws=(Law.PIPL_SHORTEST, Law.GDPR_STORAGE),
        by=Enforcement.JOB,
    ),
    Rule(
        key="phones_and_cards",
        tables=("phone_key", "pin_card"),
        what="public keys of phones that show QR codes; that somebody has a card, with a verifier of its PIN",
        what_zh="用于出示二维码的手机公钥, 以及门禁卡及其密码校验值",
        since="until they are taken back or the last right to enter ends",
        period=None,
        why="to let people in who show a code or a card",
        laws=(Law.PIPL_SHORTEST, Law.PIPL_DELETE, Law.GDPR_STORAGE),
        by=Enforcement.ERASURE,
    ),
    Rule(
        key="courier_shifts",
        tables=("courier_shift",),
        what="couriers' shifts",
        what_zh="快递、外卖人员的排班",
        since="the end of the shift",
        period=timedelta(days=90),
        why="to clear up incidents with the company",
        laws=(Law.PIPL_SHORTEST, Law.GDPR_STORAGE),
        by=Enforcement.JOB,
        bounds=Bounds(7, 180),
    ),
    Rule(
        key="deliveries",
        tables=("delivery",),
        what="expected deliveries",
        what_zh="预期的配送",
        since="the end of the expected time",
        period=timedelta(days=90),
        why="to clear up incidents with the company",
        laws=(Law.PIPL_SHORTEST, Law.GDPR_STORAGE),
        by=Enforcement.JOB,
        bounds=Bounds(7, 180),
    ),
    Rule(
        key="courier_employments",
        tables=("courier", "courier_employment"),
        what="which company's worker a courier is; the keyed hash of his number",
        what_zh="快递、外卖人员与企业的雇佣关系",
        since="his leaving the company",
        period=timedelta(days=90),
        why="to clear up incidents with the company",
        laws=(Law.PIPL_SHORTEST, Law.GDPR_STORAGE),
        by=Enforcement.JOB,
    ),
)
